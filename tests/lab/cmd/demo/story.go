package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"airlock/tests/system"
)

// story is what the demo shows, in the order in which it happens.
type story struct {
	t    *teller
	s    *system.System
	work string // the project's checkout
}

// push is a commit on its way to become a release.
type push struct {
	version string
	release chan string // receives the release's name once it is signed
}

func (st *story) tell(ctx context.Context) error {
	group, both := errgroup.WithContext(ctx)
	first, second := newPush(oldVersion), newPush(newVersion)
	group.Go(func() error { return st.publish(both, first, second) })
	group.Go(func() error {
		// What is started here lives on after the story, for the verdict: it hangs on ctx.
		if err := st.install(ctx); err != nil {
			return err
		}
		return st.site(both, first, second)
	})
	return group.Wait()
}

func newPush(version string) push { return push{version: version, release: make(chan string, 1)} }

// publish plays the developer: it pushes both versions, one after the other, while the appliance boots and works.
func (st *story) publish(ctx context.Context, pushes ...push) error {
	if err := st.s.Publisher.Do(ctx, nil, "project", "add", projectName); err != nil {
		return err
	}
	for _, p := range pushes {
		if err := writeProject(st.work, p.version); err != nil {
			return err
		}
		commit, _, err := st.s.Publisher.Push(ctx, st.work, projectName, "Caddy "+p.version)
		if err != nil {
			return err
		}
		st.t.sayf("git push: %s asks for Caddy %s; the publisher builds and tests commit %.12s", projectName, p.version, commit)
		release, err := st.s.Publisher.Released(ctx, projectName, commit)
		if err != nil {
			return err
		}
		st.t.sayf("release %s is built, tested and signed", release)
		p.release <- release
	}
	return nil
}

// site plays the technician, then the operator.
func (st *story) site(ctx context.Context, first, second push) error {
	if err := st.enrol(ctx); err != nil {
		return err
	}
	st.t.chapter("The first release crosses the airlock")
	if err := st.deliver(ctx, first); err != nil {
		return err
	}
	if err := st.expectServed(ctx, first.version); err != nil {
		return err
	}
	return st.upgrade(ctx, first, second)
}

// install starts the targets and the appliance.
func (st *story) install(ctx context.Context) error {
	st.t.say("starting two servers on the LAN: real OpenSSH, each in a root of its own")
	if err := st.s.StartTargets(ctx); err != nil {
		return err
	}
	st.t.say("switching the appliance on: the real image, in QEMU, with a modem on USB")
	if err := st.s.Boot(ctx, ctx); err != nil {
		return err
	}
	st.t.say("the console asks for a command")
	return nil
}

// enrol types what a technician types who has never seen the box.
func (st *story) enrol(ctx context.Context) error {
	st.t.chapter("A technician at the serial console")
	if err := st.s.Node.AwaitShut(ctx); err != nil {
		return err
	}
	st.t.say("both doors have been read back as shut")
	token, err := st.s.Publisher.Token(ctx, system.NodeName)
	if err != nil {
		return err
	}
	if err := st.run(ctx, "enrol "+token); err != nil {
		return err
	}
	st.t.say("pasting site.yaml: the LAN's address and the two targets with their host keys")
	if err := st.s.Node.PasteSite(ctx, st.s.SiteYAML()); err != nil {
		return err
	}
	key, err := st.s.Node.Key(ctx)
	if err != nil {
		return err
	}
	st.t.say("installing the node's SSH key on the targets")
	for _, target := range st.s.Targets {
		if err := target.Authorize(key); err != nil {
			return err
		}
	}
	return nil
}

// deliver assigns a release, has it fetched, deployed and reported.
func (st *story) deliver(ctx context.Context, p push) error {
	if err := st.assign(ctx, p); err != nil {
		return err
	}
	for _, command := range []string{"fetch", "deploy --yes", "report"} {
		if err := st.run(ctx, command); err != nil {
			return err
		}
	}
	return nil
}

func (st *story) assign(ctx context.Context, p push) error {
	select {
	case release := <-p.release:
		st.t.sayf("operator: publisherd assign %s %s", release, system.NodeName)
		return st.s.Publisher.Do(ctx, nil, "assign", release, system.NodeName)
	default:
		st.t.sayf("waiting for the build of %s", p.version)
	}
	select {
	case release := <-p.release:
		st.t.sayf("operator: publisherd assign %s %s", release, system.NodeName)
		return st.s.Publisher.Do(ctx, nil, "assign", release, system.NodeName)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// upgrade has the second release fail its health check on one target, shows that both targets are back, and tries again.
func (st *story) upgrade(ctx context.Context, first, second push) error {
	st.t.chapter("An upgrade whose health check fails once")
	if err := st.assign(ctx, second); err != nil {
		return err
	}
	if err := st.run(ctx, "fetch"); err != nil {
		return err
	}
	if err := st.failingDeploy(ctx); err != nil {
		return err
	}
	if err := st.expectServed(ctx, first.version); err != nil {
		return err
	}
	st.t.say("rolled back: both servers answer with the old version")
	if err := st.run(ctx, "report"); err != nil {
		return err
	}
	st.t.chapter("The same upgrade, tried again")
	for _, command := range []string{"deploy --yes", "report"} {
		if err := st.run(ctx, command); err != nil {
			return err
		}
	}
	return st.expectServed(ctx, second.version)
}

// failingDeploy deploys while the LAN loses the connections of the health check to the last target, every one of them.
func (st *story) failingDeploy(ctx context.Context) error {
	last := len(st.s.Targets) - 1
	sick := st.s.TargetAddress(last, healthPort)
	st.t.sayf("when the last target is switched, the LAN is going to lose %d connections to %s, as a bad switch port would", healthAttempts, sick)
	switching := "switching " + targetNames[last]
	err := st.enter(ctx, "deploy --yes", func(line string) {
		st.t.node(line)
		if strings.HasPrefix(line, switching) {
			st.s.LAN.DropNewConnections(sick, healthAttempts)
		}
	})
	var refusal *system.Refusal
	if !errors.As(err, &refusal) {
		return fmt.Errorf("the upgrade should have failed its health check: got %v", err)
	}
	st.t.node("failed: " + refusal.Text)
	if n := st.s.LAN.DroppedConnections(); n != healthAttempts {
		return fmt.Errorf("the LAN lost %d connections, want %d", n, healthAttempts)
	}
	return nil
}

// healthAttempts is what airlock.yaml asks for: every one of them has to fail for the health check to fail.
const healthAttempts = 3

// run types a command and shows what the console says to it.
func (st *story) run(ctx context.Context, command string) error {
	err := st.enter(ctx, command, st.t.node)
	var refusal *system.Refusal
	if errors.As(err, &refusal) {
		st.t.node("failed: " + refusal.Text)
	}
	return err
}

// enter types a command, and compares the clocks after it, when no window is open.
func (st *story) enter(ctx context.Context, command string, heard func(line string)) error {
	shown := command
	if len(shown) > 60 {
		shown = shown[:57] + "..."
	}
	st.t.say("airlock> " + shown)
	_, err := st.s.Node.Run(ctx, command, heard)
	if _, _, err := st.s.Node.Status(ctx); err != nil {
		return err
	}
	return err
}

// expectServed asks each server from within, not through the appliance, which version runs.
func (st *story) expectServed(ctx context.Context, version string) error {
	want := fmt.Sprintf(`path="github.com/caddyserver/caddy/v2",version=%q`, version)
	for _, target := range st.s.Targets {
		ask := "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
		out, err := target.Exec(ctx, "bash", "-c", ask)
		if err != nil {
			return fmt.Errorf("ask a server for its version: %w: %s", err, out)
		}
		if !strings.Contains(out, want) {
			return fmt.Errorf("a server does not run Caddy %s", version)
		}
	}
	st.t.sayf("asked from within, both servers run Caddy %s", version)
	return nil
}
