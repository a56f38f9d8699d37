package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// claims are ports that nobody else's sandbox may choose. A port is free until the service listens that it was chosen for, and
// again while that is stopped: of two sandboxes that start at once, one would find it taken. A claim is a locked file, so it
// ends with the process at the latest; the files stay, for a lock on a file that somebody removes protects nothing.
type claims struct {
	mu    sync.Mutex
	files []*os.File
}

func claimFolder() string {
	return filepath.Join(os.TempDir(), "epoxy-sandbox-ports-"+strconv.Itoa(os.Getuid()))
}

// claim tells whether the port is ours now.
func (c *claims) claim(port int) (bool, error) {
	if err := os.MkdirAll(claimFolder(), 0o700); err != nil {
		return false, fmt.Errorf("ports of the sandbox are claimed with files: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(claimFolder(), strconv.Itoa(port)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, fmt.Errorf("ports of the sandbox are claimed with files: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return false, nil
		}
		return false, fmt.Errorf("claim port %d: %w", port, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files = append(c.files, file)
	return true, nil
}

// release gives all ports back.
func (c *claims) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, file := range c.files {
		_ = file.Close()
	}
	c.files = nil
}
