package stack

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// grace is how long a service may take to end after SIGTERM.
var grace = 10 * time.Second

// A record names a process beyond doubt: pids are reused, so the start time belongs to it.
type record struct {
	PID       int    `json:"pid"`
	Started   string `json:"started"`
	InProcess bool   `json:"in_process,omitempty"` // runs inside PID, which is not ours to stop
}

// A process is one that this program started.
type process struct {
	record
	done chan struct{} // closed when it has ended
	err  error         // how it ended; read after done
	quit func() error  // in-process only
}

// launch runs a command in a session of its own, so that Ctrl-C in the terminal reaches this program alone and the
// sandbox survives the end of it.
func launch(cmd *exec.Cmd, log string) (*process, error) {
	if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{done: make(chan struct{})}
	// Nothing reaps the process before Wait below, so its pid is still its own here.
	p.record = record{PID: cmd.Process.Pid, Started: startTime(cmd.Process.Pid)}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// serve runs a stand-in in this process.
func serve(port int, handler http.Handler) (*process, error) {
	listener, err := net.Listen("tcp", address(port))
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	p := &process{done: make(chan struct{}), quit: server.Close}
	p.record = record{PID: os.Getpid(), Started: startTime(os.Getpid()), InProcess: true}
	go func() {
		p.err = server.Serve(listener)
		close(p.done)
	}()
	return p, nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// alive says whether this very process still runs.
func (r record) alive() bool {
	return r.PID > 0 && r.Started != "" && startTime(r.PID) == r.Started
}

// stop ends the process group and returns when the process is gone. Another process that has the pid by now is left alone.
func (r record) stop(mine *process, kill bool) error {
	if mine != nil && mine.quit != nil {
		err := mine.quit()
		<-mine.done
		return err
	}
	if r.InProcess || !r.alive() {
		return nil
	}
	signals := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}
	if kill {
		signals = signals[1:]
	}
	for _, signal := range signals {
		// It leads its own group (setsid): the group gets the signal, so that no child of it stays behind.
		if err := syscall.Kill(-r.PID, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("%s to process %d: %w", signal, r.PID, err)
		}
		for end := time.Now().Add(grace); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if mine != nil && mine.ended() || mine == nil && !r.alive() {
				return nil
			}
		}
	}
	return fmt.Errorf("process %d does not end, not even killed", r.PID)
}

// startTime identifies a process among all that ever had its pid; empty when there is none, or only a zombie.
func startTime(pid int) string {
	if runtime.GOOS != "linux" {
		ps := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid))
		ps.Env = append(os.Environ(), "LC_ALL=C")
		out, err := ps.Output()
		status, started, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
		if err != nil || strings.HasPrefix(status, "Z") {
			return ""
		}
		return strings.Join(strings.Fields(started), " ")
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return ""
	}
	// proc(5): the command name, in parentheses, may hold anything; after it come state (3rd field) … starttime (22nd).
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	// Ticks since boot alone could repeat after a reboot.
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return fields[19] + "@" + strings.TrimSpace(string(boot))
}
