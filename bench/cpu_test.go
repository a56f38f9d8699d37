package bench

import (
	"cmp"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cpuTimes is the processor time that each process of the sandbox, Epoxy's two and this one took so far; Linux only.
func cpuTimes(b *testing.B) map[string]time.Duration {
	b.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	must(b, err)
	out := map[string]time.Duration{}
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// pid (comm) state ppid … utime stime: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
		_, rest, _ := strings.Cut(string(text), "(")
		name, rest, _ := strings.Cut(rest, ") ")
		field := strings.Fields(rest)
		parent, _ := strconv.Atoi(field[1])
		pid := filepath.Base(filepath.Dir(file))
		if parent != os.Getpid() && pid != strconv.Itoa(os.Getpid()) {
			continue
		}
		user, _ := strconv.Atoi(field[11])
		system, _ := strconv.Atoi(field[12])
		out[cmp.Or(processes[name], "bench")] += time.Duration(user+system) * time.Second / 100 // ticks
	}
	return out
}

// processes are the names of the programs, as the kernel shows them, and as people know them.
var processes = map[string]string{
	"temporal": "temporal", "python": "aws", "goiardi": "goiardi", "epoxy-sandbox": "gate", "epoxy-worker": "worker", "epoxy": "serve",
}
