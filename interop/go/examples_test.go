package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// buildTime is for the compiler, which the first time compiles the whole SDK.
const buildTime = 5 * time.Minute

var examples = struct {
	once   sync.Once
	folder string
	err    error
	said   []byte
}{}

// example is the path of a program of examples/go. All are built once.
func example(t *testing.T, name string) string {
	t.Helper()
	examples.once.Do(func() {
		if examples.folder, examples.err = os.MkdirTemp("", "forebay-examples-"); examples.err != nil {
			return
		}
		ctx, cancel := contextFor(buildTime)
		defer cancel()
		build := exec.CommandContext(ctx, "go", "build", "-mod=readonly", "-o", examples.folder+"/", "./...")
		build.Dir = filepath.Join("..", "..", "examples", "go")
		examples.said, examples.err = build.CombinedOutput()
	})
	if examples.err != nil {
		t.Fatalf("%v\n%s", examples.err, examples.said)
	}
	return filepath.Join(examples.folder, name)
}

// program is an example that runs.
type program struct {
	t      *testing.T
	output string
	ended  chan error
	*exec.Cmd
}

func runExample(hub *Hub, t *testing.T, name string, settings ...string) *program {
	t.Helper()
	one := &program{t: t, output: filepath.Join(t.TempDir(), "output"), ended: make(chan error, 1)}
	output := must(os.Create(one.output))(t)
	defer output.Close()
	one.Cmd = exec.Command(example(t, name))
	one.Stdout, one.Stderr = output, output
	one.Env = append(os.Environ(), "EVENTHUB_CONNECTION_STRING="+hub.Connection, "EVENTHUB_NAME="+hub.Name)
	one.Env = append(one.Env, settings...)
	check(t, one.Start())
	go func() { one.ended <- one.Wait() }()
	t.Cleanup(func() { _ = one.Process.Kill() })
	return one
}

func (p *program) said() string { return string(must(os.ReadFile(p.output))(p.t)) }

var eventLine = regexp.MustCompile(`(?m)^\d+/\d+ .*$`)

// lines are those of events.
func (p *program) lines() []string { return eventLine.FindAllString(p.said(), -1) }

func (p *program) waitForLines(count int) []string {
	p.t.Helper()
	for deadline := time.Now().Add(waitTime); len(p.lines()) < count; time.Sleep(10 * time.Millisecond) {
		isTrue(p.t, time.Now().Before(deadline), "%d lines were awaited, it said:\n%s", count, p.said())
	}
	return p.lines()
}

// interrupt is Ctrl-C, and expects a clean end.
func (p *program) interrupt() {
	p.t.Helper()
	check(p.t, p.Process.Signal(syscall.SIGINT))
	if err := arrives(p.t, "the program to end", p.ended); err != nil {
		p.t.Fatalf("%v:\n%s", err, p.said())
	}
}

func sendThree(hub *Hub, t *testing.T) {
	t.Helper()
	one := runExample(hub, t, "send")
	if err := arrives(t, "the program to end", one.ended); err != nil {
		t.Fatalf("%v:\n%s", err, one.said())
	}
	equal(t, "what it says", one.said(), "sent 3 events\n")
}

func TestWhatTheFirstProgramSendsTheSecondReadsInOrder(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	sendThree(hub, t)
	reading := runExample(hub, t, "read")
	lines := reading.waitForLines(3)
	partition, _, _ := strings.Cut(lines[0], "/")
	equal(t, "lines", lines, []string{partition + "/0 one", partition + "/1 two", partition + "/2 three"})
	sendThree(hub, t)
	equal(t, "what comes later", reading.waitForLines(6)[3:],
		[]string{partition + "/3 one", partition + "/4 two", partition + "/5 three"})
	reading.interrupt()
}

func TestTheProcessorProgramGoesOnAfterItsCheckpoint(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	store := "CHECKPOINTS=" + t.TempDir()
	sendThree(hub, t)
	first := runExample(hub, t, "processor", store)
	equal(t, "lines", len(first.waitForLines(3)), 3)
	first.interrupt()
	sendThree(hub, t)
	second := runExample(hub, t, "processor", store)
	var found []string
	for _, line := range second.waitForLines(3) {
		_, rest, _ := strings.Cut(line, "/")
		found = append(found, rest)
	}
	equal(t, "lines", found, []string{"3 one", "4 two", "5 three"})
	second.interrupt()
}

func TestTwoProcessorProgramsShareTheHub(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	store := "CHECKPOINTS=" + t.TempDir()
	first, second := runExample(hub, t, "processor", store), runExample(hub, t, "processor", store)
	sent := 0
	// Balanced when both print what was sent last.
	until(t, "each to have a part", func() bool {
		before := []int{len(first.lines()), len(second.lines())}
		for _, partition := range partitions {
			hub.send(partition, "to share")
			sent++
		}
		time.Sleep(200 * time.Millisecond)
		return len(first.lines()) > before[0] && len(second.lines()) > before[1]
	})
	until(t, "every event", func() bool {
		seen := map[string]bool{}
		for _, line := range append(first.lines(), second.lines()...) {
			seen[line] = true
		}
		return len(seen) == sent
	})
	first.interrupt()
	second.interrupt()
}
