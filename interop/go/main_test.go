package interop

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// What the plain development mode is known to accept, from the documentation, not from the ready file.
const wellKnown = "Endpoint=sb://%s;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"

// Servers that all tests share which do not restart them: each is started for the first test that asks.
var (
	durable = shared{durable: true}
	memory  = shared{}
)

type shared struct {
	durable bool
	once    sync.Once
	server  *Server
	err     error
}

func (s *shared) start() (*Server, error) {
	s.once.Do(func() {
		var folder string
		if folder, s.err = os.MkdirTemp("", "forebay-interop-"); s.err != nil {
			return
		}
		s.server = newServer(folder, s.durable)
		s.err = s.server.start()
	})
	return s.server, s.err
}

func (s *shared) end() (ok bool) {
	if s.server == nil {
		return true
	}
	died := s.err == nil && s.server.died()
	if died {
		fmt.Printf("FAIL: a shared server died during the run:\n%s\n", s.server.logTail())
	}
	s.server.kill()
	_ = os.RemoveAll(s.server.folder)
	return !died
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, one := range []*shared{&durable, &memory} {
		if !one.end() {
			code = 1
		}
	}
	if examples.folder != "" {
		_ = os.RemoveAll(examples.folder)
	}
	os.Exit(code)
}

// sharedServer is a durable server with a generated key.
func sharedServer(t testing.TB) *Server { return serving(t, &durable) }

// devServer is the plain development mode: memory only, the well-known key.
func devServer(t testing.TB) *Server { return serving(t, &memory) }

func serving(t testing.TB, one *shared) *Server {
	t.Helper()
	server, err := one.start()
	if err != nil {
		t.Fatal(err)
	}
	showLog(t, server)
	return server
}

// ownServer is a durable server that ends with the test.
func ownServer(t testing.TB, arguments ...string) *Server {
	t.Helper()
	return started(t, newServer(t.TempDir(), true, arguments...))
}

func started(t testing.TB, server *Server, more ...string) *Server {
	t.Helper()
	t.Cleanup(server.kill)
	showLog(t, server)
	if err := server.start(more...); err != nil {
		t.Fatal(err)
	}
	return server
}

func restart(t testing.TB, server *Server, more ...string) {
	t.Helper()
	if err := server.stop(); err != nil {
		t.Fatal(err)
	}
	if err := server.start(more...); err != nil {
		t.Fatal(err)
	}
}

// showLog makes a failure come with what the server said meanwhile.
func showLog(t testing.TB, server *Server) {
	before := len(server.log())
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		if said := server.log(); len(said) > before {
			lines := strings.Split(said[before:], "\n")
			t.Logf("the server said:\n%s", strings.Join(lines[max(0, len(lines)-60):], "\n"))
		}
	})
}
