package windows_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"airlock/netd/netdtest"
	"airlock/netd/windows"
)

// raw sends a request as it stands and gives the answer.
func raw(t *testing.T, socket, request string) (status int, p windows.Problem, body string) {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, request) // netd may have answered, and closed, before it had all of it
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(b, &p) // an answer that is no Problem leaves it empty
	return resp.StatusCode, p, string(b)
}

func put(method, path, body string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: netd\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body)
}

func TestBadRequestsAreNamed(t *testing.T) {
	n := netdtest.Start(t, netdtest.NewWorld(), "")
	for _, c := range []struct {
		name, request string
		status        int
		code          string
	}{
		{"no JSON", put("POST", "/v1/windows", "outer please"), 400, windows.CodeBadRequest},
		{"empty body", put("POST", "/v1/windows", ""), 400, windows.CodeBadRequest},
		{"unknown member", put("POST", "/v1/windows", `{"door":"outer","purpose":"fetch","asker":"x","force":true}`), 400, windows.CodeBadRequest},
		{"two objects", put("PUT", "/v1/site", `{} {}`), 400, windows.CodeBadRequest},
		{"too long", put("PUT", "/v1/site", `{"address":"`+strings.Repeat("1", 2<<20)+`"}`), 400, windows.CodeBadRequest},
		{"not enrolled", put("POST", "/v1/windows", `{"door":"outer","purpose":"fetch","asker":"x"}`), 409, windows.CodeNotEnrolled},
		{"no number", put("DELETE", "/v1/windows/x", ""), 400, windows.CodeBadRequest},
		{"no such window", put("DELETE", "/v1/windows/9", ""), 400, windows.CodeBadRequest},
		{"no window named", "CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: 10.0.0.1:22\r\nConnection: close\r\n\r\n", 400, windows.CodeBadRequest},
		{"no window open", "CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: 10.0.0.1:22\r\nAirlock-Window: 1\r\nConnection: close\r\n\r\n", 403, windows.CodeNotAllowed},
		{"no number to ask", put("POST", "/v1/windows/x/module", `{"do":"status"}`), 400, windows.CodeBadRequest},
		{"no window to ask in", put("POST", "/v1/windows/9/module", `{"do":"status"}`), 403, windows.CodeNotAllowed},
		{"a stray member", put("POST", "/v1/windows/9/module", `{"do":"status","force":true}`), 400, windows.CodeBadRequest},
		{"no such path", put("GET", "/v1/other", ""), 404, ""},
		{"wrong method", put("POST", "/v1/status", ""), 405, ""},
	} {
		status, p, body := raw(t, n.Socket, c.request)
		if status != c.status || p.Code != c.code || c.code != "" && p.Detail == "" {
			t.Errorf("%s: %d %s, want %d with code %q", c.name, status, body, c.status, c.code)
		}
	}
}

func TestStatusOfAFreshNode(t *testing.T) {
	n := netdtest.Start(t, netdtest.NewWorld(), "")
	s, err := n.Client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Machine != "shut" || s.Outer.State != "shut" || s.Inner.State != "shut" || s.Identity != nil || s.Site != nil ||
		len(s.Tunnel.PublicKey) != 44 || s.Modem.Radio != "off" || s.Boot <= 0 || s.Interfaces == nil {
		t.Errorf("Status() = %+v", s)
	}
}

// A user who is barred gets no window for service, and no answer in somebody else's; others do.
func TestBarredUser(t *testing.T) {
	w := netdtest.NewWorld()
	uid := uint32(os.Getuid())
	w.Barred = map[uint32][]windows.Purpose{uid: {windows.Service}, uid + 1: {windows.Fetch}}
	n := netdtest.Start(t, w, "")
	const ask = `{"door":"outer","purpose":"service","asker":"x"}`
	for name, request := range map[string]string{
		"a window":   put("POST", "/v1/windows", ask),
		"a question": put("POST", "/v1/windows/1/module", `{"do":"at","command":"AT+CMGS=1"}`),
	} {
		status, p, body := raw(t, n.Socket, request)
		if status != 403 || p.Code != windows.CodeNotAllowed || !strings.Contains(p.Detail, fmt.Sprintf("user %d may not", uid)) {
			t.Errorf("%s: %d %s, want 403 with the user's name", name, status, body)
		}
	}
	if status, p, _ := raw(t, n.Socket, put("POST", "/v1/windows", `{"door":"outer","purpose":"fetch","asker":"x"}`)); status != 409 || p.Code != windows.CodeNotEnrolled {
		t.Errorf("another purpose: %d %+v", status, p)
	}
	if slices.Contains(w.Log(), "attend") {
		t.Error("the module was asked")
	}
	other := netdtest.NewWorld()
	other.Barred = map[uint32][]windows.Purpose{uid + 1: {windows.Service}}
	win, err := netdtest.Start(t, other, "").Client.Open(t.Context(), windows.Request{Door: windows.Outer, Purpose: windows.Service, Asker: "x"}, nil)
	if err != nil {
		t.Fatalf("a user who is not barred: %v", err)
	}
	if _, err := win.Ask(t.Context(), windows.ModuleRequest{Do: windows.Inspect}); err != nil {
		t.Error(err)
	}
	if _, err := win.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestClientWithoutNetd(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "netd.sock")
	c := windows.NewClient(socket)
	_, err := c.Open(t.Context(), windows.Request{}, nil)
	if err == nil || !strings.Contains(err.Error(), socket) || !strings.Contains(err.Error(), "systemctl status netd") {
		t.Errorf("Open = %v", err)
	}
}

// A window's stream that breaks off, as when netd is killed, is told as what it is.
func TestClientOfANetdThatDies(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "netd.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	die := make(chan struct{})
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n"+
			`{"window":4,"door":"outer","state":"asked"}`+"\n"+`{"window":4,"door":"outer","state":"open"}`+"\n")
		<-die
	}()
	w, err := windows.NewClient(socket).Open(t.Context(), windows.Request{}, nil)
	if err != nil || w.ID != 4 {
		t.Fatalf("Open = %+v, %v", w, err)
	}
	select {
	case <-w.Done():
		t.Error("done while it is open")
	default:
	}
	close(die)
	<-w.Done()
	last, err := w.Close(t.Context())
	if last.State != windows.Open || err == nil || !strings.Contains(err.Error(), "the interlock shuts the door by itself") {
		t.Errorf("Close = %+v, %v", last, err)
	}
}

// A netd that dies between the wish to end a window and its answer leaves nobody waiting.
func TestClientOfANetdThatDiesAtTheClosing(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "netd.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		stream, err := l.Accept()
		if err != nil {
			return
		}
		if _, err := http.ReadRequest(bufio.NewReader(stream)); err != nil {
			return
		}
		fmt.Fprint(stream, "HTTP/1.1 200 OK\r\n\r\n"+`{"window":4,"door":"outer","state":"open"}`+"\n")
		if _, err := l.Accept(); err == nil { // the DELETE, which stays open without an answer
			stream.Close()
		}
	}()
	w, err := windows.NewClient(socket).Open(t.Context(), windows.Request{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "the interlock shuts the door by itself") {
		t.Errorf("Close = %v", err)
	}
}
