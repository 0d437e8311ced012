package deployd

import (
	"context"
	"encoding/hex"
	"net"
	"strconv"
	"testing"

	"airlock/deployd/api"
	"airlock/deployd/durable"
	"airlock/netd/netdtest"
	"airlock/netd/tunnel"
)

// The whole way again, through a real doorkeeper on its socket: leases, policy and dials are netd's own,
// only its hardware is a model, which notes any moment in which both doors are open.
func TestThroughARealDoorkeeper(t *testing.T) {
	e := newEdge(t)
	w := netdtest.NewWorld()
	w.Publisher = e.doors.publisher
	n := netdtest.Start(t, w, "")
	cfg := e.config()
	cfg.Windows = Netd(n.Client)
	c, err := newCourier(cfg, durable.Disk{})
	if err != nil {
		t.Fatal(err)
	}
	e.Courier = c
	e.addTargets(2)
	var allow []string
	for _, s := range e.targets {
		for _, port := range []int{s.Target.Port, e.plan.Health.Port} {
			allow = append(allow, net.JoinHostPort(s.Target.Address, strconv.Itoa(port)))
		}
	}
	site := netdtest.Site(allow...)
	site.Address = "127.0.0.9/8"
	if err := n.Client.SetSite(t.Context(), site); err != nil {
		t.Fatal(err)
	}
	root, err := hex.DecodeString(e.office.RootDigest())
	if err != nil {
		t.Fatal(err)
	}
	token := tunnel.Token{RootDigest: [32]byte(root), Hub: "192.0.2.1:51820", HubKey: [32]byte{1, 2, 3}}
	e.must(e.do(job(func(ctx context.Context, say api.Say) error { return e.enrol(ctx, token.String(), say) })))
	status, err := n.Client.Status(t.Context())
	if err != nil || status.Identity == nil || status.Identity.Node != "plant-7" || status.Identity.Hub != token.Hub {
		t.Fatalf("identity at netd = %+v, %v", status.Identity, err)
	}
	e.publish("demo-1", "good")
	e.assign("demo-1", 1)
	e.must(e.do(job(e.fetch)))
	e.must(e.do(e.deploy))
	e.runs("demo-1")
	e.must(e.do(job(e.report)))
	if len(e.office.reports) != 1 {
		t.Errorf("reports = %d, want 1", len(e.office.reports))
	}
	// A health check at a port which the site does not allow is refused before anything is switched.
	site.Allow = []string{allow[0], allow[2]}
	if err := n.Client.SetSite(t.Context(), site); err != nil {
		t.Fatal(err)
	}
	e.publish("demo-2", "good")
	e.assign("demo-2", 2)
	e.must(e.do(job(e.fetch)))
	_, err = e.do(e.deploy)
	e.code(err, "not-allowed", "nothing was switched on any target")
	status, err = n.Client.Status(t.Context())
	if err != nil || status.Outer.State != "shut" || status.Inner.State != "shut" {
		t.Errorf("doors = %+v, %+v, %v; want both shut", status.Outer, status.Inner, err)
	}
}
