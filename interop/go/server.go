// Package interop runs Microsoft's Go SDK and go-amqp against a server process. Nothing of either is mocked.
package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A slow machine may take its time; a server that is not ready by then is broken.
const (
	readyTime = 30 * time.Second
	stopTime  = 20 * time.Second
)

// Ready is what a server writes once everything serves.
type Ready struct {
	Version          string  `json:"version"`
	AMQP             string  `json:"amqp"`
	HTTP             string  `json:"http"`
	Data             *string `json:"data"`
	Durability       string  `json:"durability"`
	ConnectionString string  `json:"connection_string"`
}

// Server is one `forebay dev` and, over restarts, its successors on the same folder and ports. It is ended by its
// process id, never by name.
type Server struct {
	Ready     Ready
	folder    string
	arguments []string
	// As the ready file gave them: whoever restarts finds the server where it was.
	amqpPort, httpPort string

	mutex   sync.Mutex
	process *exec.Cmd
	// Closed when the process is gone.
	ended chan struct{}
}

// newServer makes a server in a folder; a durable one keeps its events there and has a key of its own.
func newServer(folder string, durable bool, arguments ...string) *Server {
	if durable {
		arguments = append([]string{"--data", filepath.Join(folder, "data"), "--generate-key"}, arguments...)
	}
	return &Server{folder: folder, arguments: arguments, amqpPort: "0", httpPort: "0"}
}

// start returns once the server serves.
func (s *Server) start(more ...string) error {
	binary := os.Getenv("FOREBAY_BIN")
	if binary == "" {
		return errors.New("FOREBAY_BIN names no server; run `cargo xtask interop go`")
	}
	words := slices.Concat(
		[]string{"dev", "--listen", "127.0.0.1", "--amqp-port", s.amqpPort, "--http-port", s.httpPort},
		[]string{"--ready-file", s.readyPath()}, s.arguments, more,
	)
	// The file appears whole: a reader never sees half of it. One that a killed server left must not be taken for it.
	if err := os.Remove(s.readyPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Fprintf(log, "$ %s %s\n", binary, strings.Join(words, " "))
	process := exec.Command(binary, words...)
	process.Stdout, process.Stderr = log, log
	if err := process.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = process.Wait()
		close(ended)
	}()
	s.mutex.Lock()
	s.process, s.ended = process, ended
	s.mutex.Unlock()
	deadline := time.Now().Add(readyTime)
	for {
		text, err := os.ReadFile(s.readyPath())
		if err == nil {
			return s.serves(text)
		}
		select {
		case <-ended:
			return fmt.Errorf("the server ended with %v before it was ready:\n%s", process.ProcessState, s.logTail())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.kill()
			return fmt.Errorf("the server was not ready in %v:\n%s", readyTime, s.logTail())
		}
	}
}

func (s *Server) serves(text []byte) error {
	var ready Ready
	if err := json.Unmarshal(text, &ready); err != nil {
		return fmt.Errorf("the ready file: %w", err)
	}
	_, amqpPort, err := net.SplitHostPort(ready.AMQP)
	if err != nil {
		return err
	}
	_, httpPort, err := net.SplitHostPort(ready.HTTP)
	if err != nil {
		return err
	}
	s.Ready, s.amqpPort, s.httpPort = ready, amqpPort, httpPort
	return nil
}

// stop asks the server to stop, and says whether it did so with exit code 0.
func (s *Server) stop() error {
	process, ended := s.take()
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-ended:
	case <-time.After(stopTime):
		_ = process.Process.Kill()
		<-ended
		return fmt.Errorf("the server did not stop in %v:\n%s", stopTime, s.logTail())
	}
	if code := process.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("the server ended with %d:\n%s", code, s.logTail())
	}
	return nil
}

// kill is SIGKILL: the server cannot say goodbye. Whatever state it is in, it is gone after this.
func (s *Server) kill() {
	if process, ended := s.take(); process != nil {
		_ = process.Process.Kill()
		<-ended
	}
}

func (s *Server) take() (*exec.Cmd, chan struct{}) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	process, ended := s.process, s.ended
	s.process, s.ended = nil, nil
	return process, ended
}

// died says whether the process is gone though nobody ended it.
func (s *Server) died() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

func (s *Server) readyPath() string { return filepath.Join(s.folder, "ready.json") }
func (s *Server) logPath() string   { return filepath.Join(s.folder, "server.log") }

func (s *Server) log() string {
	text, _ := os.ReadFile(s.logPath())
	return string(text)
}

func (s *Server) logTail() string {
	lines := strings.Split(strings.TrimRight(s.log(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// setting is a part of the connection string, `SharedAccessKey` for instance.
func (s *Server) setting(key string) string {
	for _, part := range strings.Split(s.Ready.ConnectionString, ";") {
		if name, value, found := strings.Cut(part, "="); found && name == key {
			return value
		}
	}
	panic("the connection string has no " + key)
}

// host is host and port as the connection string gives them: what SDKs sign.
func (s *Server) host() string {
	endpoint, err := url.Parse(s.setting("Endpoint"))
	if err != nil {
		panic(err)
	}
	return endpoint.Host
}

// dial opens a bare connection to the AMQP port.
func (s *Server) dial(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", s.Ready.AMQP)
}
