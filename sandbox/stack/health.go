package stack

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

var (
	errDeadline = errors.New("not healthy in time")
	errNoReason = errors.New("exit status 0")
)

// await polls a service until it is healthy. It gives up at once when the process ends.
func (s *Stack) await(ctx context.Context, svc service, p *process) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := svc.healthy(attempt, s)
		cancel()
		if p.ended() {
			return s.failure(svc.name, fmt.Errorf("ended while starting (%w)", cmp.Or(p.err, errNoReason)))
		}
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, errDeadline) {
				return cause // interrupted, or another service failed
			}
			return s.failure(svc.name, fmt.Errorf("is not healthy after %s: %w", s.deadline, err))
		}
	}
}

// failure names the service, the reason and the log, with the end of that.
func (s *Stack) failure(name string, reason error) error {
	text := fmt.Sprintf("%s %v; its log is %s", name, reason, s.Short(s.Log(name)))
	if lines := tail(s.Log(name), 5); len(lines) > 0 {
		text += " and ends with:\n    " + strings.Join(lines, "\n    ")
	}
	return errors.New(text)
}

func tail(path string, n int) []string {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	data = bytes.TrimSpace(data[max(0, len(data)-8192):])
	if len(data) == 0 {
		return nil
	}
	lines := strings.Split(string(data), "\n")
	return lines[max(0, len(lines)-n):]
}

// answers is healthy when the path below a service's URL is there.
func answers(url func(*Stack) string, path string) func(context.Context, *Stack) error {
	return func(ctx context.Context, s *Stack) error { return get(ctx, url(s)+path) }
}

// temporalHealthy asks for what a job needs: the namespace, the four search attributes in a query, and the web UI.
func temporalHealthy(ctx context.Context, s *Stack) error {
	c, err := client.DialContext(ctx, client.Options{
		HostPort: address(s.state.Ports.Temporal),
		Logger:   log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	service := c.WorkflowService()
	if _, err := service.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace}); err != nil {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	query := strings.Join(searchAttributes, " = '-' AND ") + " = '-'"
	if _, err := service.ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: namespace, PageSize: 1, Query: query,
	}); err != nil {
		return fmt.Errorf("search attributes: %w", err)
	}
	return get(ctx, s.UIURL()+"/")
}

// local never goes through a proxy, whatever the environment says.
var local = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := local.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s answers %s", url, resp.Status)
	}
	return nil
}
