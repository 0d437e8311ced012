package netd_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"airlock/netd/netdtest"
	"airlock/netd/recorder"
	"airlock/netd/tunnel"
	"airlock/netd/windows"
)

func TestOnlyWhatThePolicyNames(t *testing.T) {
	w := publisher(t)
	place, _ := target(t)
	n := enrolled(t, w, place)
	ctx := t.Context()
	for _, c := range []struct {
		r       windows.Request
		refused []string
	}{
		{fetch, []string{place, "[fd41:6972:6c6b::1]:22", "[fd41:6972:6c6b::2]:80", "publisher:80", "127.0.0.1:22", "[::1]:80"}},
		{deploy, []string{netdtest.Identity().PublisherAddress, "127.0.0.1:1", "127.0.0.3:22", "localhost:22", w.Publisher}},
	} {
		win, err := n.Client.Open(ctx, c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range c.refused {
			_, err := win.DialContext(ctx, "tcp", to)
			wantCode(t, fmt.Sprintf("%s window: dial %s", c.r.Door, to), err, windows.CodeNotAllowed)
		}
		_, err = win.DialContext(ctx, "udp", place)
		wantCode(t, "udp", err, windows.CodeBadRequest)
		if _, err := win.Close(ctx); err != nil {
			t.Fatal(err)
		}
		_, err = win.DialContext(ctx, "tcp", place)
		wantCode(t, "a dial through a closed window", err, windows.CodeNotAllowed)
	}
	refused := 0
	for _, e := range events(t, n) {
		if e.Event == recorder.Refused {
			refused++
		}
	}
	if refused != 11 {
		t.Errorf("%d refused dials are recorded, want 11", refused)
	}
}

func TestUnreachablePlace(t *testing.T) {
	w := publisher(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	place := free.Addr().String()
	free.Close()
	n := enrolled(t, w, place)
	win, err := n.Client.Open(t.Context(), deploy, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = win.DialContext(t.Context(), "tcp", place)
	wantCode(t, "a dial to a closed port", err, windows.CodeUnreachable)
	if !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("the sentence is %q", err)
	}
	if _, err := win.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRequestsThatOpenNothing(t *testing.T) {
	w := publisher(t)
	n := netdtest.Start(t, w, "")
	ctx := t.Context()
	for _, c := range []struct {
		name string
		r    windows.Request
		want string
	}{
		{"not enrolled", fetch, windows.CodeNotEnrolled},
		{"no site", deploy, windows.CodeNoSite},
		{"no such door", windows.Request{Door: "side", Purpose: windows.Fetch, Asker: "x"}, windows.CodeBadRequest},
		{"no such purpose", windows.Request{Door: windows.Outer, Purpose: "fun", Asker: "x"}, windows.CodeBadRequest},
		{"wrong door", windows.Request{Door: windows.Inner, Purpose: windows.Fetch, Asker: "x"}, windows.CodeBadRequest},
		{"nobody", windows.Request{Door: windows.Outer, Purpose: windows.Fetch}, windows.CodeBadRequest},
		{"negative time", windows.Request{Door: windows.Outer, Purpose: windows.Fetch, Asker: "x", MaxSeconds: -1}, windows.CodeBadRequest},
		{"no token", windows.Request{Door: windows.Outer, Purpose: windows.Enrol, Asker: "x"}, windows.CodeBadToken},
		{"cut token", windows.Request{Door: windows.Outer, Purpose: windows.Enrol, Asker: "x", Token: "AIRLOCK1-AQID"}, windows.CodeBadToken},
		{"stray token", windows.Request{Door: windows.Outer, Purpose: windows.Fetch, Asker: "x", Token: "AIRLOCK1-AQID"}, windows.CodeBadRequest},
	} {
		_, err := n.Client.Open(ctx, c.r, nil)
		wantCode(t, c.name, err, c.want)
	}
	if slices.Contains(w.Log(), "modem up") {
		t.Error("the radio was switched on for one of them")
	}
	for name, err := range map[string]error{
		"identity": n.Client.SetIdentity(ctx, windows.Identity{Node: "x"}),
		"site":     n.Client.SetSite(ctx, windows.Site{Address: "10.0.0.1"}),
		"itself":   n.Client.SetSite(ctx, windows.Site{Address: "10.0.0.1/24", Allow: []string{"10.0.0.1:22"}}),
		"far":      n.Client.SetSite(ctx, windows.Site{Address: "10.0.0.1/24", Allow: []string{"10.0.1.1:22"}}),
		"named":    n.Client.SetSite(ctx, windows.Site{Address: "10.0.0.1/24", Allow: []string{"db:22"}}),
		"loopback": n.Client.SetSite(ctx, windows.Site{Address: "10.0.0.1/24", Gateway: "10.0.0.9", Allow: []string{"127.0.0.1:22"}}),
		"gateway":  n.Client.SetSite(ctx, windows.Site{Address: "10.0.0.1/24", Gateway: "10.0.1.9"}),
	} {
		wantCode(t, name, err, windows.CodeBadRequest)
	}
}

func TestEnrolment(t *testing.T) {
	w := publisher(t)
	n := netdtest.Start(t, w, "")
	ctx := t.Context()
	tok, err := tunnel.NewToken([32]byte{9}, [32]byte{0xab}, "192.0.2.1:51820")
	if err != nil {
		t.Fatal(err)
	}
	r := windows.Request{Door: windows.Outer, Purpose: windows.Enrol, Asker: "console", Token: tok.String()}
	w.UnknownHub = true
	_, err = n.Client.Open(ctx, r, nil)
	wantCode(t, "a token that the hub does not know", err, windows.CodeBadToken)
	w.UnknownHub = false
	win, err := n.Client.Open(ctx, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := n.Client.Status(ctx)
	if err != nil || win.Opened.NodeKey != s.Tunnel.PublicKey || win.Opened.RootDigest[:2] != "ab" || win.Opened.PublisherAddress == "" {
		t.Errorf("Opened = %+v, %v", win.Opened, err)
	}
	if _, err := win.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.Client.SetIdentity(ctx, netdtest.Identity()); err != nil {
		t.Fatal(err)
	}
	if err := n.Client.SetIdentity(ctx, netdtest.Identity()); err != nil {
		t.Errorf("the same again: %v", err)
	}
	other := netdtest.Identity()
	other.HubKey = tunnel.KeyText([32]byte{7})
	wantCode(t, "another hub", n.Client.SetIdentity(ctx, other), windows.CodeNotAllowed)
	for _, e := range events(t, n) {
		if b := fmt.Sprintf("%+v", e); strings.Contains(b, tok.String()[9:30]) {
			t.Errorf("the token is in the record: %s", b)
		}
	}
}
