package builder

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"airlock/publisher"
)

func config(t *testing.T) Config {
	t.Helper()
	return Config{CacheDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
}

// boxes are the sandboxes that this machine can run.
func boxes(t *testing.T) map[string]publisher.Sandbox {
	t.Helper()
	all := map[string]publisher.Sandbox{"none": &Bare{config(t)}}
	b, err := NewBubblewrap(t.Context(), config(t))
	if err != nil {
		t.Logf("without bubblewrap: %v", err)
		return all
	}
	all["bubblewrap"] = b
	return all
}

func bubblewrap(t *testing.T, c Config) *Bubblewrap {
	t.Helper()
	b, err := NewBubblewrap(t.Context(), c)
	if err != nil {
		t.Skipf("bubblewrap cannot run here: %v", err)
	}
	return b
}

// say runs a command and returns what it printed.
func say(t *testing.T, box publisher.Sandbox, j publisher.Job) (string, error) {
	t.Helper()
	var out bytes.Buffer
	if j.Dir == "" {
		j.Dir = t.TempDir()
	}
	if j.Timeout == 0 {
		j.Timeout = time.Minute
	}
	j.Project, j.Output = "shop", &out
	err := box.Run(t.Context(), j)
	return out.String(), err
}

func TestRun(t *testing.T) {
	for name, box := range boxes(t) {
		t.Run(name, func(t *testing.T) {
			out, err := say(t, box, publisher.Job{Command: `echo "$AIRLOCK_VERSION"; pwd; echo kept > "$HOME/x"; echo gone > /tmp/x-$$`, Env: map[string]string{"AIRLOCK_VERSION": "1.0"}})
			if err != nil || !strings.HasPrefix(out, "1.0\n") {
				t.Errorf("Run = %q, %v", out, err)
			}
			if out, err := say(t, box, publisher.Job{Command: `cat "$HOME/x"`}); err != nil || out != "kept\n" {
				t.Errorf("the cache of the next run holds %q, %v", out, err)
			}
			if _, err := say(t, box, publisher.Job{Command: "exit 7"}); err == nil || err.Error() != "ended with exit status 7" {
				t.Errorf("Run = %v, want the exit status", err)
			}
			if out, _ := say(t, box, publisher.Job{Command: "env"}); strings.Contains(out, "AIRLOCK_SECRET") {
				t.Error("the command sees publisherd's own environment")
			}
		})
	}
}

// TestLimit starts a tree of processes that would write a file later, and waits past that time.
func TestLimit(t *testing.T) {
	for name, box := range boxes(t) {
		t.Run(name, func(t *testing.T) {
			dir, start := t.TempDir(), time.Now()
			_, err := say(t, box, publisher.Job{Dir: dir, Command: "(sleep 2; touch late) & (sleep 2; touch late) & sleep 60", Timeout: time.Second})
			if err == nil || !strings.Contains(err.Error(), "time limit of 1s and was killed") {
				t.Errorf("Run = %v, want the limit named", err)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %v to end", took)
			}
			time.Sleep(1500 * time.Millisecond) // nothing can tell of a process that does not exist
			if _, err := os.Stat(filepath.Join(dir, "late")); err == nil {
				t.Error("a process of the tree lived on")
			}
		})
	}
}

func TestStopped(t *testing.T) {
	for name, box := range boxes(t) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			begun := writer(func(p []byte) { cancel() })
			err := box.Run(ctx, publisher.Job{Project: "shop", Dir: t.TempDir(), Command: "echo begun; sleep 60", Timeout: time.Minute, Output: begun})
			if !errors.Is(err, publisher.ErrStopped) {
				t.Errorf("Run = %v, want ErrStopped", err)
			}
		})
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

// TestConfined looks at the machine with the eyes of a hostile build.
func TestConfined(t *testing.T) {
	box := bubblewrap(t, config(t))
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{
		"cat /etc/shadow", "cat " + secret, "ls /root /home /var", "touch /usr/x", "touch /etc/x", "touch /x",
		"mount -t tmpfs none /tmp", "kill -0 " + "1000000",
		"test $(ls /proc | grep -c '^[0-9]') -gt 8",
		// No interface but loopback; the bash network device needs no tool.
		"grep -v -e lo: -e '|' /proc/net/dev",
		"bash -c 'exec 3<>/dev/tcp/192.0.2.1/80'",
		"chroot / true", "unshare --net true && exit 1; false",
	} {
		if out, err := say(t, box, publisher.Job{Command: command}); err == nil {
			t.Errorf("%s succeeds in the sandbox: %s", command, out)
		}
	}
	out, err := say(t, box, publisher.Job{Command: "pwd; echo $HOME; touch here /tmp/there"})
	if err != nil || out != "/build/src\n/build/cache/home\n" {
		t.Errorf("Run = %q, %v, want the fixed paths", out, err)
	}
}

func TestSeed(t *testing.T) {
	c := config(t)
	c.Seed = t.TempDir()
	if err := CheckSeed(c.Seed); publisher.CodeOf(err) != publisher.CodeInvalid {
		t.Errorf("CheckSeed of an empty folder = %v", err)
	}
	if err := os.MkdirAll(filepath.Join(c.Seed, "cache", "download"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := CheckSeed(c.Seed); err != nil {
		t.Error(err)
	}
	c.Go = Go{Env: map[string]string{"GOPROXY": "https://proxy.example"}}
	box := bubblewrap(t, c)
	for network, want := range map[bool]string{true: "file:///build/seed/cache/download,https://proxy.example\n", false: "file:///build/seed/cache/download,off\n"} {
		out, err := say(t, box, publisher.Job{Network: network, Command: "ls /build/seed/cache >/dev/null && echo $GOPROXY && ! touch /build/seed/x 2>/dev/null"})
		if err != nil || out != want {
			t.Errorf("with network %t GOPROXY = %q, %v, want %q", network, out, err, want)
		}
	}
}

func TestCollect(t *testing.T) {
	src := t.TempDir()
	for name, content := range map[string]string{"a": "aa", "dir/b": "bbb"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(src, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(src, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"inner": "a", "outer": outside, "climb": "../../../../../etc/passwd", "updir": ".."} {
		if err := os.Symlink(to, filepath.Join(src, link)); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]string{
		"a": "", "dir/b": "", "inner": "", "nothing": "did not make it", "dir": "expected a regular file",
		"outer": "escapes", "climb": "escapes", "updir/x": "escapes",
	}
	for path, want := range tests {
		outs, err := collect([]publisher.ArtifactSpec{{Path: path, Install: "x", Mode: 0o755}}, src, t.TempDir())
		switch {
		case want == "" && (err != nil || outs[0].Size < 2 || len(outs[0].SHA256) != 64):
			t.Errorf("collect(%s) = %+v, %v", path, outs, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("collect(%s) = %v, want an error with %q", path, err, want)
		}
	}
}
