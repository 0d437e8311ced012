package githost

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"airlock/publisher"
)

// bench is a git host behind HTTP, with the project shop. Its hooks agree to everything.
type bench struct {
	*Host
	t   *testing.T
	srv *httptest.Server
}

func newBench(t *testing.T, maxPush int64) *bench {
	t.Helper()
	dir := t.TempDir()
	h, err := New(t.Context(), Config{
		Dir: filepath.Join(dir, "git"), HooksDir: filepath.Join(dir, "hooks"), Hook: []string{"true", "it's"},
		Known: func(_ context.Context, p string) error {
			if p != "shop" {
				return publisher.Errorf(publisher.CodeNotFound, "no project is called %s", p)
			}
			return nil
		},
		MaxPush: maxPush, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Host: h, t: t, srv: httptest.NewServer(h)}
	t.Cleanup(b.srv.Close)
	return b
}

func run(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(plainEnv(), "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@b.c", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@b.c")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// work is a clone-to-be with one commit of some files.
func (b *bench) work(files map[string][]byte) string {
	b.t.Helper()
	dir := b.t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "."}, {"commit", "-q", "-m", "one"}} {
		if out, err := run(b.t, dir, args...); err != nil {
			b.t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	return dir
}

func (b *bench) url() string { return b.srv.URL + Prefix + "shop.git" }

func TestPushAndCheckout(t *testing.T) {
	b := newBench(t, 1<<30)
	dir := b.work(map[string][]byte{"airlock.yaml": []byte("x"), "big": bytes.Repeat([]byte("0123456789abcdef"), 1<<10), ".gitattributes": []byte("big export-ignore\n")})
	if out, err := run(t, dir, "-c", "http.postBuffer=1000", "push", b.url(), "main"); err != nil {
		t.Fatalf("push without a length: %v: %s", err, out)
	}
	head, err := b.Head(t.Context(), "shop")
	if want, _ := run(t, dir, "rev-parse", "HEAD"); err != nil || head != want {
		t.Errorf("Head = %q, %v, want %s", head, err, want)
	}
	out := t.TempDir()
	if err := b.Checkout(t.Context(), "shop", head, out); err != nil {
		t.Fatal(err)
	}
	if names, _ := filepath.Glob(filepath.Join(out, "*")); len(names) != 3 {
		t.Errorf("checkout = %v, want exactly the commit's files", names)
	}
	if data, err := b.File(t.Context(), "shop", head, "airlock.yaml"); err != nil || string(data) != "x" {
		t.Errorf("File = %q, %v", data, err)
	}
	if _, err := b.File(t.Context(), "shop", head, "nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("File of nothing = %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(b.Dir, ".push-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestEmptyRepository(t *testing.T) {
	b := newBench(t, 1<<30)
	for range 2 {
		if err := b.Ensure(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
	}
	if head, err := b.Head(t.Context(), "shop"); head != "" || err != nil {
		t.Errorf("Head = %q, %v", head, err)
	}
}

func TestOnlyWhatGitAsksFor(t *testing.T) {
	b := newBench(t, 1<<30)
	if err := b.Ensure(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/git/shop.git/info/refs?service=git-upload-pack": 200,
		"/git/shoe.git/info/refs?service=git-upload-pack": 404,
		"/git/shop/info/refs?service=git-upload-pack":     404,
		"/git/shop.git/HEAD":                              404,
		"/git/shop.git/config":                            404,
		"/git/shop.git/info/refs":                         403, // the dumb protocol
		"/git/..%2fkeys.git/info/refs":                    404,
		"/git/%2e%2e/keys/info/refs":                      404,
	} {
		resp, err := http.Get(b.srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s = %d, want %d", path, resp.StatusCode, want)
		}
	}
}

func TestTooLargePush(t *testing.T) {
	b := newBench(t, 2000)
	random := make([]byte, 0, 100_000)
	for i := range 25_000 {
		random = fmt.Appendf(random, "%x", i*i*7919%65521)
	}
	dir := b.work(map[string][]byte{"big": random})
	for _, buffer := range []string{"1000", "10000000"} {
		out, err := run(t, dir, "-c", "http.postBuffer="+buffer, "push", b.url(), "main")
		if err == nil || !strings.Contains(out, "413") {
			t.Errorf("push with a buffer of %s = %v: %s, want a refusal with 413", buffer, err, out)
		}
	}
	if head, err := b.Head(t.Context(), "shop"); head != "" || err != nil {
		t.Errorf("Head = %q, %v, want nothing pushed", head, err)
	}
	if left, _ := filepath.Glob(filepath.Join(b.Dir, ".push-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestCutOffPush records a real push and sends it again to an empty repository, cut off in the
// middle, with a length and without.
func TestCutOffPush(t *testing.T) {
	b := newBench(t, 1<<30)
	var body []byte
	recorder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, _ = io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			r.ContentLength = int64(len(body))
		}
		b.ServeHTTP(w, r)
	}))
	defer recorder.Close()
	dir := b.work(map[string][]byte{"file": bytes.Repeat([]byte("some content "), 1000)})
	if out, err := run(t, dir, "push", recorder.URL+Prefix+"shop.git", "main"); err != nil {
		t.Fatalf("push: %v: %s", err, out)
	}
	if err := os.RemoveAll(b.dir("shop")); err != nil {
		t.Fatal(err)
	}
	for _, length := range []string{fmt.Sprintf("Content-Length: %d", len(body)), "Transfer-Encoding: chunked"} {
		conn, err := net.Dial("tcp", b.srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST %sshop.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-git-receive-pack-request\r\n%s\r\n\r\n", Prefix, length)
		if strings.HasPrefix(length, "Transfer") {
			fmt.Fprintf(conn, "%x\r\n", len(body))
		}
		conn.Write(body[:len(body)/2])
		conn.(*net.TCPConn).CloseWrite()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			answer, _ := io.ReadAll(resp.Body)
			if strings.Contains(string(answer), "unpack ok") {
				t.Errorf("%s: half a push is accepted: %s", length, answer)
			}
		}
		conn.Close()
		if head, err := b.Head(t.Context(), "shop"); head != "" || err != nil {
			t.Errorf("%s: Head = %q, %v, want nothing pushed", length, head, err)
		}
	}
	if out, err := run(t, dir, "push", b.url(), "main"); err != nil {
		t.Errorf("a whole push afterwards: %v: %s", err, out)
	}
}

func TestHookSpeaksOfTheQueue(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "q.sock")
	if _, err := QueueThrough(socket)(t.Context(), "shop", "c1"); err == nil {
		t.Error("a queue that is not there takes a build")
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(QueueHandler(func(_ context.Context, project, commit string) (publisher.Build, error) {
		if project != "shop" {
			return publisher.Build{}, errors.New("no such project")
		}
		return publisher.Build{ID: 7, Commit: commit}, nil
	}))
	srv.Listener = l
	srv.Start()
	defer srv.Close()
	commit := strings.Repeat("a", 40)
	for project, want := range map[string]string{
		"shop": "airlock: build 7 is queued; follow it with: publisherd build log 7 --follow\n",
		"shoe": "airlock: the push is kept, but its build could not be queued: no such project\nairlock: it is queued when publisherd starts again\n",
	} {
		repository := filepath.Join(dir, project+".git")
		if err := os.Mkdir(repository, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Chdir(repository)
		var out bytes.Buffer
		h := Hook{Out: &out, Queue: QueueThrough(socket)}
		if err := h.Run(t.Context(), PostReceive, strings.NewReader(strings.Repeat("0", 40)+" "+commit+" refs/heads/main\n")); err != nil || out.String() != want {
			t.Errorf("%s: %v, %q, want %q", project, err, out.String(), want)
		}
	}
}
