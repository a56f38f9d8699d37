// Command epoxy starts Epoxy's jobs, watches them and decides about them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes. Scripts depend on them.
const (
	exitDone           = 0
	exitFailed         = 1
	exitUsage          = 2 // usage or configuration
	exitDenied         = 3 // denied, vetoed or expired
	exitAlreadyRunning = 4
)

// exitError carries the exit code that an error means.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func exit(code int, format string, args ...any) error {
	return &exitError{code: code, err: fmt.Errorf(format, args...)}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := &app{out: os.Stdout, errOut: os.Stderr, getenv: os.Getenv}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.command()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	fmt.Fprintln(a.errOut, "epoxy:", err)
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	return exitUsage // cobra's own errors: unknown command, flag or argument
}
