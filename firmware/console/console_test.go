package console

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"airlock/deployd/api"
	"airlock/firmware/cli/nodetest"
	"airlock/netd/windows"
)

const siteYAML = `lan:
  address: 10.90.0.2/24
targets:
  - name: web-1   # Größe
    address: 10.90.0.11
    user: deploy
    host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5WYCBgDrMG6CEf9OZUzZFfhfvaY6EQyJ7JWmYWrn0K
`

// paste is a text as a terminal sends it: CR at the end of each line.
func paste(text string) string { return strings.ReplaceAll(text, "\n", "\r") }

// TestTechniciansDay goes through the menu as somebody at a plant does.
func TestTechniciansDay(t *testing.T) {
	for name, w := range wires() {
		t.Run(name, func(t *testing.T) {
			s := begin(t, w, nil)
			banner := s.narrow(s.expect("\r\n" + Prompt))
			for _, want := range []string{"not enrolled", "firmware v1.2.3", "outer SHUT", "inner SHUT", "Quectel EC25, SIM ready, radio off",
				"K?ln Mobil?[2J LTE, good (-71 dBm)", "key 630d:cd29:66c4:3366", "PROBLEM   this node belongs to no publisher", "remedy    get a one-time token", "0  log out"} {
				if !strings.Contains(banner, want) {
					t.Errorf("the banner lacks %q:\n%s", want, banner)
				}
			}
			s.ends(s.do("4"), "failed: the node belongs to no publisher yet; enrol it first")

			s.send("2\r")
			s.expect("token: ")
			s.send(nodetest.Token + "\r")
			s.expect("outer door: radio on ...")
			s.ends(strings.TrimSuffix(s.expect("\r\n"+Prompt), Prompt), "ok")

			s.send("3\r")
			s.expect("a single dot ends it")
			s.send(paste(siteYAML) + ".\r")
			s.ends(strings.TrimSuffix(s.expect("ok\r\n"+Prompt), Prompt), "ok")

			s.node.Assign("caddy-1", false)
			out := s.do("fetch")
			s.ends(out, "ok")
			if n := strings.Count(out, "fetch caddy-1 ("); n < 1 || n > 5 {
				t.Errorf("%d lines of byte counts, want a few:\n%s", n, out)
			}
			s.send("5\r")
			s.expect("deploys caddy-1 to web-1\r\n")
			s.expect("type the word deploy to go on: ")
			s.send("deploy\r")
			s.expect("release caddy-1: deployed in 2.0 s\r\n")
			s.expect("ok\r\n" + Prompt)
			s.ends(s.do("6"), "ok")
			s.ends(s.do("7"), "ok")
			s.ends(s.do("record verify"), "ok")
			s.ends(s.do("8"), "ok")
			if help := s.narrow(s.do("9")); !strings.Contains(help, "site import") || !strings.Contains(help, "Ctrl-D or 0 logs out") {
				t.Errorf("help = %s", help)
			}
			if banner := s.narrow(s.do("")); !strings.Contains(banner, "node      berlin-1") || !strings.Contains(banner, "problem   none") || !strings.Contains(banner, "last      caddy-1 deployed at ") {
				t.Errorf("banner after all this:\n%s", banner)
			}
			s.send("0\r")
			s.expect("logged out\r\n")
			s.wait()
		})
	}
}

// TestScriptsCanRead: JSON stands on lines of its own between the typed line and the verdict.
func TestScriptsCanRead(t *testing.T) {
	s := begin(t, overPTY, nil)
	s.expect(Prompt)
	lines := strings.Split(s.do("airlock status --json"), "\r\n")
	if len(lines) != 3 || lines[1] != "ok" {
		t.Fatalf("status --json gave the lines %q, want one of JSON, and ok", lines)
	}
	var status struct {
		Netd    *windows.Status
		Deployd *api.Status
	}
	if err := json.Unmarshal([]byte(lines[0]), &status); err != nil || status.Netd == nil || status.Deployd == nil {
		t.Errorf("decode status: %v, %+v", err, status)
	}
	if got := status.Netd.Modem.Operator; got != "K\u00f6ln Mobil\x1b[2J" {
		t.Errorf("operator = %q: JSON must carry the name as it is", got)
	}
	s.ends(s.do("site import site.yaml"), "failed: the console reads no files; give site import alone and paste the file")
	s.ends(s.do("console"), "failed: this is the console")
	s.ends(s.do("nonsense"), `failed: unknown command "nonsense"; see airlock --help`)
	s.ends(s.do("deploy --help"), "ok")
	s.ends(s.do("fetch ?"), "ok")
}

// TestTokenPasted: however a terminal program tears the token apart, it arrives whole; what remains
// of a refused paste does nothing.
func TestTokenPasted(t *testing.T) {
	tok := nodetest.Token
	for name, c := range map[string]struct{ before, typed, verdict string }{
		"at the question, in lines":      {"enrol\r", tok[:40] + "\r\n" + tok[40:90] + "\r\n" + tok[90:] + "\r\n", "ok"},
		"at the question, with spaces":   {"enrol\r", "  " + tok[:50] + " \t" + tok[50:] + " \r", "ok"},
		"at the prompt, in lines":        {"", "enrol " + tok[:60] + "\r" + tok[60:] + "\r", "ok"},
		"at the prompt, cut in the sum":  {"", "enrol " + tok[:len(tok)-2] + "\r" + tok[len(tok)-2:] + "\r", "ok"},
		"half, then given up by Enter":   {"", "enrol " + tok[:60] + "\r\r", "failed: the token is mistyped"},
		"half, then Ctrl-D":              {"", "enrol " + tok[:60] + "\r\x04", "failed: given up; nothing was done"},
		"something else in several rows": {"enrol\r", "Dear colleague,\r5\rdeploy\rdeploy --yes\r0\r", "failed: the token is mistyped"},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, overPTY, nil)
			s.expect(Prompt)
			if c.before != "" {
				s.send(c.before)
				s.expect("token: ")
			}
			s.send(c.typed)
			s.expect("\r\n" + c.verdict)
			s.expect("\r\n" + Prompt)
			s.ends(s.do("version"), "ok") // and nothing of the paste was run in between
		})
	}
}

func TestSitePasted(t *testing.T) {
	for name, c := range map[string]struct{ pasted, verdict string }{
		"good":             {paste(siteYAML) + ".\r", "ok"},
		"CR LF":            {strings.ReplaceAll(siteYAML, "\n", "\r\n") + ".\r\n", "ok"},
		"a fault in it":    {paste(strings.Replace(siteYAML, "10.90.0.11", "10.91.0.11", 1)) + ".\r", "failed: site.yaml:5: targets[0].address: is 10.91.0.11"},
		"broken off":       {paste(siteYAML)[:60] + "\x03", "failed: interrupted"},
		"a line too long":  {"# " + strings.Repeat("x", 1200) + "\r" + paste(siteYAML) + ".\r", "failed: a line is longer than 1024 characters; nothing was done"},
		"nothing but dot":  {".\r", "failed: site.yaml: lan.address: missing"},
		"a wrong document": {"deploy --yes\r0\r5\r.\r", "failed: site.yaml:1: "},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, overPTY, nil)
			s.expect(Prompt)
			s.send("site\r")
			s.expect("gives up\r\n")
			s.send(c.pasted)
			s.expect(c.verdict)
			s.expect("\r\n" + Prompt)
			known := strings.Contains(s.do("site show"), "LAN 10.90.0.2/24, 1 place(s)")
			if known != (c.verdict == "ok") {
				t.Errorf("the site is known: %v, after the verdict %q", known, c.verdict)
			}
		})
	}
}

// TestHugePaste: more than any site.yaml is read to its dot and refused, and the console lives on.
func TestHugePaste(t *testing.T) {
	s := begin(t, overPTY, nil)
	s.expect(Prompt)
	s.send("site\r")
	s.expect("gives up\r\n")
	for range 10 { // in pieces, so that the pty's own small buffer is not what is tested
		s.send(strings.Repeat("# "+strings.Repeat("y", 98)+"\r", 70))
		s.expect("yy\r\n")
	}
	s.send(".\r")
	s.expect("failed: the text is longer than 65536 bytes; nothing was done\r\n" + Prompt)
}

// TestDeployWantsItsWord: neither another answer nor one that was typed before the question deploys.
func TestDeployWantsItsWord(t *testing.T) {
	for name, keys := range map[string]string{
		"another word": "yes\r", "Enter": "\r", "Ctrl-C": "\x03", "Ctrl-D": "\x04", "a part": "deplo\r",
	} {
		t.Run(name, func(t *testing.T) {
			s := ready(t)
			s.send("deploy\r")
			s.expect("to go on: ")
			s.send(keys)
			s.expect("\r\nfailed: ")
			s.expect(Prompt)
			s.notDeployed()
		})
	}
	t.Run("typed ahead", func(t *testing.T) {
		s := ready(t)
		s.send("deploy\rdeploy\rdeploy\r")
		s.expect("to go on: ")
		s.send("\r")
		s.expect("failed: not confirmed; nothing was done\r\n" + Prompt)
		s.notDeployed()
	})
	t.Run("--yes", func(t *testing.T) {
		s := ready(t)
		s.ends(s.do("deploy --yes"), "ok")
		if running, _ := s.node.Running(); running != "caddy-1" {
			t.Errorf("running = %q", running)
		}
	})
}

// ready is a console of a node that has a release to deploy.
func ready(t *testing.T) *session {
	t.Helper()
	s := begin(t, overPTY, nil)
	s.expect(Prompt)
	s.ends(s.do("enrol "+nodetest.Token), "ok")
	s.send("site\r")
	s.expect("gives up\r\n")
	s.send(paste(siteYAML) + ".\r")
	s.expect("ok\r\n" + Prompt)
	s.node.Assign("caddy-1", false)
	s.ends(s.do("fetch"), "ok")
	return s
}

func (s *session) notDeployed() {
	s.t.Helper()
	if running, phase := s.node.Running(); running != "" || phase != "idle" {
		s.t.Errorf("deployed %q, courier is %s; want nothing, and idle", running, phase)
	}
}

// TestInterruptedJobGoesOn: Ctrl-C brings the menu back, the job runs on and can be followed or ended.
func TestInterruptedJobGoesOn(t *testing.T) {
	s := ready(t)
	release := s.node.Hold()
	defer release()
	s.send("deploy --yes\r")
	s.expect("inner door is open\r\n")
	s.send("status\r\x03")
	s.expect("the job goes on without you: watch follows it, cancel ends it\r\n")
	s.expect("failed: interrupted\r\n" + Prompt)
	if out := s.do("status"); !strings.Contains(out, "busy      deploying; `watch` follows it") {
		t.Errorf("status while the job runs:\n%s", out)
	}
	s.ends(s.do("fetch"), "failed: deployd is busy: the job deploy runs; follow it, or wait for its end")
	s.send("watch\r")
	s.expect("inner door is open\r\n")
	release()
	s.expect("release caddy-1: deployed")
	s.expect("ok\r\n" + Prompt)

	s.node.Assign("caddy-2", false)
	defer s.node.Hold()()
	s.send("fetch\r")
	s.expect("outer door is open\r\n")
	s.send("\x03")
	s.expect(Prompt)
	s.ends(s.do("cancel"), "ok")
}

// TestKeys: what technicians' terminals send for the same keys.
func TestKeys(t *testing.T) {
	s := begin(t, byteWise, nil)
	s.expect(Prompt)
	for name, keys := range map[string]string{
		"backspace 08":   "versiom\x08n\r",
		"backspace 7f":   "versixx\x7f\x7fon\r",
		"beyond start":   "\x7f\x7fversion\r",
		"umlaut erased":  "ver\u00e4\x7fsion\r",
		"kill":           "deploy --yes\x15version\r",
		"CR LF":          "version\r\n",
		"CR NUL":         "version\r\x00",
		"LF alone":       "version\n",
		"cursor keys":    "ver\x1b[A\x1b[1;5Dsion\x1bOP\r",
		"pasted, marked": "\x1b[200~version\x1b[201~\r",
		"bell and such":  "\x07ver\x01\x0bsion\r",
	} {
		s.send(keys)
		s.expect("\r\nv1.2.3\r\nok\r\n" + Prompt)
		if out := s.all()[s.seen:]; out != "" {
			t.Errorf("%s: sent %q after its prompt", name, out)
		}
	}
	s.send("rec\t")
	s.expect("\r\nrecord export   record show   record verify\r\n" + Prompt + "rec")
	s.send("ord verify\r")
	s.expect("ok\r\n" + Prompt)
	s.send("versi\x03")
	s.expect("^C\r\n" + Prompt)
	s.send(strings.Repeat("x", 2000) + "\rversion\r")
	s.expect("failed: the line is longer than 1024 characters; nothing was done\r\n" + Prompt)
	s.expect("ok\r\n" + Prompt)
	s.send("x\x04\x7f\x04") // Ctrl-D counts on an empty line only
	s.expect("logged out\r\n")
	s.wait()
}

func TestIdleLogsOut(t *testing.T) {
	s := begin(t, overPTY, func(o *Options) { o.Idle = 300 * time.Millisecond })
	s.expect(Prompt)
	s.send("deploy --y") // half a command is dropped
	s.expect("logged out: nothing was typed for 300ms\r\n")
	s.wait()
}

// TestLostLine: whatever runs, the console ends with its line, and the job does not.
func TestLostLine(t *testing.T) {
	for name, w := range wires() {
		t.Run(name+" at the prompt", func(t *testing.T) {
			s := begin(t, w, nil)
			s.expect(Prompt)
			s.far.Close()
			s.wait()
		})
		t.Run(name+" in a job", func(t *testing.T) {
			s := begin(t, w, nil)
			s.expect(Prompt)
			defer s.node.Hold()()
			s.send("enrol " + nodetest.Token + "\r")
			s.expect("radio on ...")
			s.far.Close()
			s.wait()
			if _, phase := s.node.Running(); phase != "enrolling" {
				t.Errorf("the courier is %s, want the job to go on", phase)
			}
		})
	}
}

// TestBeforeTheDaemons: the console is there first, says so, and goes on.
func TestBeforeTheDaemons(t *testing.T) {
	s := begin(t, overPTY, func(o *Options) {
		o.Doors, o.Courier = windows.NewClient("/nowhere/netd.sock"), api.NewClient("/nowhere/deployd.sock")
		o.Notice = "passed over /data/config/node.yaml: /data/config/node.yaml:1: no"
	})
	banner := s.expect(Prompt)
	for _, want := range []string{"the doorkeeper, netd, does not answer", "this takes up to a minute", "note: passed over /data/config"} {
		if !strings.Contains(banner, want) {
			t.Errorf("the banner lacks %q:\n%s", want, banner)
		}
	}
	if out := s.do("fetch"); !strings.Contains(out, "failed: deployd does not answer on /nowhere/deployd.sock") {
		t.Errorf("fetch = %s", out)
	}
	s.ends(s.do("version"), "ok")
}

// TestPipeIsNoTerminal: no echo and no CR; the end of the input ends the session after its commands.
func TestPipeIsNoTerminal(t *testing.T) {
	dir := t.TempDir()
	if len(dir) > 80 {
		t.Skipf("the folder %s is too long for a socket's path", dir)
	}
	node := nodetest.Start(t, dir)
	var out strings.Builder
	line := struct {
		*strings.Reader
		*strings.Builder
	}{strings.NewReader("version\nfetch\n"), &out}
	err := Run(t.Context(), Options{Line: struct{ readWriter }{readWriter{line.Reader, line.Builder}}, Version: "v1",
		Doors: windows.NewClient(node.Netd), Courier: api.NewClient(node.Deployd)})
	if err != nil {
		t.Fatal(err)
	}
	want := Prompt + "\nv1\nok\n" + Prompt + "\nfailed: the node belongs to no publisher yet; enrol it first\n" + Prompt
	if !strings.HasSuffix(out.String(), want) || strings.Contains(out.String(), "\r") {
		t.Errorf("sent %q, want at its end %q", out.String(), want)
	}
}

type readWriter struct {
	in  *strings.Reader
	out *strings.Builder
}

// Read reads what was typed.
func (rw readWriter) Read(p []byte) (int, error) { return rw.in.Read(p) }

// Write keeps what was sent.
func (rw readWriter) Write(p []byte) (int, error) { return rw.out.Write(p) }
