package netd_test

import (
	"net/netip"
	"reflect"
	"testing"

	"airlock/netd/netdtest"
	"airlock/netd/passage"
)

// TestOpenDoorsLetOnlyTheirPurposePass: behind an open outer door is the hub and nothing else, not even a name server;
// behind an open inner door are the site's targets. A shut door lets nothing pass.
func TestOpenDoorsLetOnlyTheirPurposePass(t *testing.T) {
	place, _ := target(t)
	w := publisher(t)
	n := enrolled(t, w, place)
	if got := w.Lets(); !reflect.DeepEqual(got, passage.Passage{}) {
		t.Errorf("both doors are shut, and pass %+v", got)
	}
	out, err := n.Client.Open(t.Context(), fetch, nil)
	if err != nil {
		t.Fatal(err)
	}
	hub := netip.MustParseAddrPort(netdtest.Identity().Hub)
	if got, want := w.Lets(), (passage.Passage{Datagrams: []netip.AddrPort{hub}}); !reflect.DeepEqual(got, want) {
		t.Errorf("the outer door passes %+v, want %+v", got, want)
	}
	if _, err := out.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	in, err := n.Client.Open(t.Context(), deploy, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := passage.Passage{Connections: []netip.AddrPort{netip.MustParseAddrPort(place)}}
	if got := w.Lets(); !reflect.DeepEqual(got, want) {
		t.Errorf("the inner door passes %+v, want %+v", got, want)
	}
	if _, err := in.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
