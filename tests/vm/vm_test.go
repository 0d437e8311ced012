// Package vm tries the product as a whole on the real image in QEMU: the way of a release from git push to running servers,
// and everything that can be wrong on it. Each wrong thing has to end in a sentence where the operator looks, with both
// doors shut and nothing half-installed.
package vm

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"airlock/netd/tunnel"
	"airlock/netd/windows"
	"airlock/tests/lab"
	"airlock/tests/lab/evidence"
	"airlock/tests/model"
	"airlock/tests/modemsim"
	"airlock/tests/system"
)

func TestMain(m *testing.M) {
	lab.MaybeChild()
	os.Exit(m.Run())
}

//go:embed all:testdata/hello
var hello embed.FS

// values fill in the project's templates.
type values struct {
	Version string
	Extra   string // one more build command; what it writes to out/ballast becomes an artifact
}

// site is a booted system with the test's own ways of asking it.
type site struct {
	*system.System
	t    *testing.T
	work string // the project's checkout
}

// TestSite boots the image once and lives through a site's first day. The steps build on each other.
func TestSite(t *testing.T) {
	s := boot(t)
	for _, step := range []struct {
		name string
		do   func(ctx context.Context, t *testing.T)
	}{
		{"no frame before the first window", s.silentAtBoot},
		{"the courier has no network", s.courierIsolated},
		{"a mistyped token", s.mistypedToken},
		{"a missing SIM", s.missingSIM},
		{"a token of nobody", s.strangeToken},
		{"enrolment, and the token used again", s.enrol},
		{"nothing to fetch before an assignment", s.nothingAssigned},
		{"a faulty site.yaml", s.faultySite},
		{"the site", s.importSite},
		{"an airlock.yaml with an error", s.faultySpec},
		{"a truncated artifact", s.truncatedArtifact},
		{"metadata with a bad signature", s.badSignature},
		{"a release from git push to two servers", s.deliver},
		{"an unreachable target", s.unreachableTarget},
		{"a release larger than the disk", s.fullDisk},
		{"what the captures say", s.verdict},
		{"a plug pulled in the middle of a deployment", s.pulledPlug},
	} {
		if !t.Run(step.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			step.do(ctx, t)
		}) {
			t.Fatalf("%s failed; the logs are in %s", step.name, outputDir)
		}
	}
}

// outputDir keeps what the run leaves behind for whoever looks into a failure.
const outputDir = "../../build/vm"

const image = "../../build/airlock.img"

func boot(t *testing.T) *site {
	t.Helper()
	return bootAs(t, outputDir, system.Config{Targets: []string{"web-1", "web-2"}, HealthPort: 8080})
}

// bootAs boots the image with what cfg says of the site.
func bootAs(t *testing.T, dir string, cfg system.Config) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("boots the image in QEMU for minutes: runs in make test")
	}
	if _, err := os.Stat(image); err != nil {
		t.Skip("there is no build/airlock.img: `make image` builds it")
	}
	if err := lab.CanRunTargets(); err != nil {
		t.Skip(err)
	}
	publisherd := filepath.Join(t.TempDir(), "publisherd")
	if out, err := exec.Command("go", "build", "-o", publisherd, "airlock/publisher/cmd/publisherd").CombinedOutput(); err != nil {
		t.Fatalf("build publisherd: %v\n%s", err, out)
	}
	cfg.Image, cfg.Publisherd, cfg.Dir, cfg.Cache = image, publisherd, dir, "../../build/cache"
	cfg.Module.Times = modemsim.Lifelike()
	cfg.Say = func(text string) { t.Log(text) }
	s, err := system.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := s.StartTargets(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := s.Boot(ctx, t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Node.AwaitShut(ctx); err != nil {
		t.Fatal(err)
	}
	return &site{System: s, t: t, work: t.TempDir()}
}

// refused runs a command that has to be refused in a sentence with each of the words in it, and leave both doors shut.
func (s *site) refused(ctx context.Context, t *testing.T, command string, words ...string) {
	t.Helper()
	_, err := s.Node.Run(ctx, command, func(line string) { t.Log("node | " + line) })
	s.isRefusal(ctx, t, command, err, words...)
}

func (s *site) isRefusal(ctx context.Context, t *testing.T, command string, err error, words ...string) {
	t.Helper()
	var refusal *system.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("%s was not refused: %v", command, err)
	}
	t.Log("failed: " + refusal.Text)
	for _, word := range words {
		if !strings.Contains(strings.ToLower(refusal.Text), strings.ToLower(word)) {
			t.Errorf("%s: %q does not say %q", command, refusal.Text, word)
		}
	}
	s.shut(ctx, t)
}

// done runs a command that has to succeed.
func (s *site) done(ctx context.Context, t *testing.T, command string) {
	t.Helper()
	if _, err := s.Node.Run(ctx, command, func(line string) { t.Log("node | " + line) }); err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	s.shut(ctx, t)
}

// shut wants both doors read back as shut by the node, and the radio off by the module's own account.
func (s *site) shut(ctx context.Context, t *testing.T) windows.Status {
	t.Helper()
	status, _, err := s.Node.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if status.Machine != "shut" || status.Outer.State != "shut" || status.Inner.State != "shut" {
		t.Errorf("the machine is %s, the outer door %s, the inner %s; want all shut", status.Machine, status.Outer.State, status.Inner.State)
	}
	if s.Module.RadioOn() {
		t.Error("the module's radio is on")
	}
	return status
}

func (s *site) silentAtBoot(_ context.Context, t *testing.T) {
	if outer, inner := s.Carrier.Traffic(), s.LAN.Traffic(); outer.FramesIn+outer.FramesOut+outer.Refused+inner.FramesIn+inner.FramesOut != 0 {
		t.Errorf("frames before the first window: outer %+v, inner %+v", outer, inner)
	}
}

func (s *site) courierIsolated(ctx context.Context, t *testing.T) {
	doors, courier, err := s.Node.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(doors.Interfaces) != 2 {
		t.Errorf("netd sees %+v, want the module's card and the LAN's", doors.Interfaces)
	}
	if got := courier.Network; fmt.Sprint(got.Interfaces) != "[lo]" || len(got.Families) != 0 {
		t.Errorf("the courier sees %+v, want the loopback alone and no socket but unix", got)
	}
}

func (s *site) mistypedToken(ctx context.Context, t *testing.T) {
	token := s.token(ctx, t, "mistyped")
	before := len(s.Module.States())
	i := len(token) / 2
	wrong := token[:i] + map[bool]string{true: "x", false: "y"}[token[i] != 'x'] + token[i+1:]
	// To the console it may be the beginning of a longer one, cut by the paste: an empty line says that it is all.
	_, err := s.Node.Answer(ctx, "enrol "+wrong, regexp.MustCompile(`the token goes on[^\n]*: `), "")
	s.isRefusal(ctx, t, "enrol", err, "token", "mistyped")
	if len(s.Module.States()) > before {
		t.Errorf("the radio was used for a mistyped token: %+v", s.Module.States())
	}
}

func (s *site) missingSIM(ctx context.Context, t *testing.T) {
	s.Module.SwapSIM(modemsim.SIM{Missing: true})
	s.refused(ctx, t, "enrol "+s.token(ctx, t, "no-sim"), "SIM")
	s.Module.SwapSIM(modemsim.SIM{})
}

// strangeToken is well-formed, but the hub has never heard of its secret: it does not answer at all.
func (s *site) strangeToken(ctx context.Context, t *testing.T) {
	token, err := tunnel.ParseToken(s.token(ctx, t, "strange"))
	if err != nil {
		t.Fatal(err)
	}
	token.Secret[0] ^= 1
	s.refused(ctx, t, "enrol "+token.String(), "token")
	if status := s.shut(ctx, t); status.Identity != nil {
		t.Errorf("the node believes to be %+v", status.Identity)
	}
}

func (s *site) enrol(ctx context.Context, t *testing.T) {
	token := s.token(ctx, t, system.NodeName)
	s.done(ctx, t, "enrol "+token)
	if status := s.shut(ctx, t); status.Identity == nil || status.Identity.Node != system.NodeName {
		t.Errorf("the node believes to be %+v, want %s", status.Identity, system.NodeName)
	}
	s.refused(ctx, t, "enrol "+token)
}

func (s *site) nothingAssigned(ctx context.Context, t *testing.T) {
	lines, err := s.Node.Run(ctx, "fetch", nil)
	if text := strings.Join(lines, "\n"); err != nil || !strings.Contains(text, "assign") {
		t.Errorf("fetch without an assignment: %v, %q", err, text)
	}
	s.shut(ctx, t)
}

func (s *site) faultySite(ctx context.Context, t *testing.T) {
	yaml := strings.Replace(s.SiteYAML(), "10.90.0.12", "10.90.0.512", 1)
	err := s.Node.PasteSite(ctx, yaml)
	var refusal *system.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("a site.yaml with a bad address was not refused: %v", err)
	}
	t.Log("failed: " + refusal.Text)
	if status := s.shut(ctx, t); status.Site != nil {
		t.Errorf("the node keeps the site %+v", status.Site)
	}
}

func (s *site) importSite(ctx context.Context, t *testing.T) {
	if err := s.Node.PasteSite(ctx, s.SiteYAML()); err != nil {
		t.Fatal(err)
	}
	key, err := s.Node.Key(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range s.Targets {
		if err := target.Authorize(key); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *site) token(ctx context.Context, t *testing.T, node string) string {
	t.Helper()
	token, err := s.Publisher.Token(ctx, node)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// write puts a version of the project into the checkout.
func (s *site) write(t *testing.T, v values) {
	t.Helper()
	project, err := fs.Sub(hello, "testdata/hello")
	if err != nil {
		t.Fatal(err)
	}
	if err := system.WriteProject(s.work, project, v); err != nil {
		t.Fatal(err)
	}
}

// release pushes a version and assigns what becomes of it.
func (s *site) release(ctx context.Context, t *testing.T, v values) string {
	t.Helper()
	s.write(t, v)
	commit, _, err := s.Publisher.Push(ctx, s.work, "hello", v.Version)
	if err != nil {
		t.Fatal(err)
	}
	release, err := s.Publisher.Released(ctx, "hello", commit)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Publisher.Do(ctx, nil, "assign", release, system.NodeName); err != nil {
		t.Fatal(err)
	}
	return release
}

func (s *site) faultySpec(ctx context.Context, t *testing.T) {
	if err := s.Publisher.Do(ctx, nil, "project", "add", "hello"); err != nil {
		t.Fatal(err)
	}
	s.write(t, values{Version: "1.0.0"})
	path := filepath.Join(s.work, "airlock.yaml")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(good), "port: 8080", "port: eighty", 1)
	if err := os.WriteFile(path, []byte(bad), 0o644); err != nil {
		t.Fatal(err)
	}
	line := 1 + strings.Count(bad[:strings.Index(bad, "port: eighty")], "\n")
	_, _, err = s.Publisher.Push(ctx, s.work, "hello", "with an error")
	if want := fmt.Sprintf("airlock.yaml:%d", line); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "expected") {
		t.Errorf("pushing a bad port said %v, want %s and what was expected", err, want)
	}
}

func (s *site) verdict(ctx context.Context, t *testing.T) {
	timeline, verdict, err := s.Judge(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := evidence.Print(&text, timeline, verdict); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", text.String())
	if !verdict.Held {
		t.Error("the airlock did not hold")
	}
	if len(timeline.Windows) < 8 {
		t.Errorf("%d windows in the record, want at least 8", len(timeline.Windows))
	}
	lines, err := s.Node.Run(ctx, "record verify", nil)
	if err != nil {
		t.Errorf("record verify: %v, %q", err, lines)
	}
	bundle, err := s.Node.Bundle(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := model.Judge(strings.NewReader(bundle), model.Options{}); err != nil || !v.Held() || v.Windows < 8 {
		t.Errorf("the record, judged by the rules alone: %+v, %v", v, err)
	}
}
