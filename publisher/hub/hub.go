// Package hub is the publisher's end of the SD-WAN: one UDP port on the public network, and inside
// the tunnel the API for nodes. It never serves operators, never opens a connection towards a site,
// and answers nobody whose key it does not know. publisherd starts it; the operator's API asks it
// for invitations.
package hub

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"airlock/netd/tunnel"
	"airlock/publisher"
)

// Members keeps who may come.
type Members interface {
	Nodes(ctx context.Context) ([]publisher.Node, error)
	AddNode(ctx context.Context, n publisher.Node) (publisher.Node, error)
	// Enrol turns the invited node n.Name into a member; publisher.CodeConflict when its token was used.
	Enrol(ctx context.Context, n publisher.Node) (publisher.Node, error)
}

// Directory says who asks. Both return publisher.CodeNotFound for a stranger.
type Directory interface {
	NodeByAddress(ctx context.Context, address string) (publisher.Node, error)
	NodeByInvite(ctx context.Context, address string) (publisher.Node, error)
}

// Inbox takes what nodes tell.
type Inbox interface {
	Seen(ctx context.Context, node string) error
	AddReport(ctx context.Context, node, id string, body []byte) error
	// Record is how far the record of a node is here.
	Record(ctx context.Context, node string) (publisher.NodeRecord, error)
	// AddRecordPart keeps lines which continue a record that is here up to the line after.
	AddRecordPart(ctx context.Context, node string, after uint64, p publisher.RecordPart) error
	AddRecordTrouble(ctx context.Context, node, detail string) error
}

// Config is what a Hub needs.
type Config struct {
	Private    [32]byte // the hub's WireGuard key
	Listen     string   // host:port of UDP
	Endpoint   string   // host:port under which nodes reach it, for tokens; empty: see Hub.Endpoint
	Members    Members
	Directory  Directory
	Inbox      Inbox
	Root       []byte // first TUF root metadata
	RootDigest [sha256.Size]byte
	Metadata   http.Handler // TUF metadata, prefix stripped
	Targets    http.Handler // TUF targets, prefix stripped
	Now        func() time.Time
	Log        *slog.Logger
}

// Hub is a started hub.
type Hub struct {
	Config
	tunnel   *tunnel.Hub
	listener net.Listener
}

// Open starts the hub with every peer that the members name.
func Open(ctx context.Context, c Config) (*Hub, error) {
	nodes, err := c.Members.Nodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("start hub: %w", err)
	}
	t, err := tunnel.Listen(c.Private, c.Listen, c.Log)
	if err != nil {
		return nil, fmt.Errorf("start hub: %w; choose another port with --hub-listen", err)
	}
	h := &Hub{Config: c, tunnel: t}
	for _, n := range nodes {
		if err := errors.Join(h.admit(n.InviteKey), h.admit(n.Key)); err != nil {
			return nil, errors.Join(fmt.Errorf("start hub: node %s: %w", n.Name, err), t.Close())
		}
	}
	if h.listener, err = t.ListenTCP(netip.MustParseAddrPort(tunnel.PublisherAddress()).Port()); err != nil {
		return nil, errors.Join(fmt.Errorf("start hub: %w", err), t.Close())
	}
	if h.Config.Endpoint == "" {
		h.Config.Endpoint = guess(t.Addr())
	}
	if _, err := tunnel.NewToken(t.PublicKey(), h.RootDigest, h.Config.Endpoint); err != nil {
		return nil, errors.Join(fmt.Errorf("start hub: --hub-endpoint: %w", err), t.Close())
	}
	return h, nil
}

// Run serves nodes until ctx ends.
func (h *Hub) Run(ctx context.Context) error {
	srv := &http.Server{
		Handler: h.routes(), ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(h.Log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() }) // a fetch that is cut off goes on in the next window
	defer stop()
	err := srv.Serve(h.listener)
	if !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(fmt.Errorf("serve nodes: %w", err), h.tunnel.Close())
	}
	return h.tunnel.Close()
}

// Addr is where the hub listens on the public network.
func (h *Hub) Addr() netip.AddrPort { return unmap(h.tunnel.Addr()) }

// Endpoint is the host:port that tokens name.
func (h *Hub) Endpoint() string { return h.Config.Endpoint }

// Key is the hub's public WireGuard key, base64.
func (h *Hub) Key() string { return tunnel.KeyText(h.tunnel.PublicKey()) }

// Invite makes a node that may come once, with the returned token. The token's secret is kept
// nowhere: a lost token means a new node.
func (h *Hub) Invite(ctx context.Context, name string) (n publisher.Node, token string, err error) {
	t, err := tunnel.NewToken(h.tunnel.PublicKey(), h.RootDigest, h.Endpoint())
	if err != nil {
		return n, "", fmt.Errorf("invite node %s: %w", name, err)
	}
	key := tunnel.PublicKey(t.Key())
	n, err = h.Members.AddNode(ctx, publisher.Node{
		Name: name, InviteKey: tunnel.KeyText(key), InviteAddress: tunnel.AddressOf(key).String(),
	})
	if err != nil {
		return n, "", err
	}
	return n, t.String(), h.admit(n.InviteKey)
}

// admit makes the holder of a key a peer; an empty key is nobody.
func (h *Hub) admit(text string) error {
	if text == "" {
		return nil
	}
	key, err := tunnel.ParseKey(text)
	if err != nil {
		return err
	}
	return h.tunnel.AddPeer(key)
}

// LoadKey reads the hub's WireGuard key, and makes it at the first start. Nodes know its public half
// from their token: a hub with another key is another hub.
func LoadKey(file string) (key [32]byte, err error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if key, err = tunnel.NewKey(); err != nil {
			return key, err
		}
		return key, publisher.WriteFile(file, []byte(tunnel.KeyText(key)+"\n"), 0o600)
	}
	if err != nil {
		return key, fmt.Errorf("read the hub's key: %w", err)
	}
	if key, err = tunnel.ParseKey(string(data)); err != nil {
		return key, fmt.Errorf("the hub's key in %s is damaged, restore it from a backup", file)
	}
	return key, nil
}

// guess finds the address under which this machine is known outside. Connecting UDP sends nothing:
// it only asks the kernel which source address would be used.
func guess(at netip.AddrPort) string {
	if at = unmap(at); !at.Addr().IsUnspecified() {
		return at.String()
	}
	host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if c, err := net.Dial("udp", "192.0.2.1:9"); err == nil { // TEST-NET-1, RFC 5737
		host = unmap(c.LocalAddr().(*net.UDPAddr).AddrPort()).Addr()
		c.Close()
	}
	return netip.AddrPortFrom(host, at.Port()).String()
}

// unmap writes an IPv4 address as such, and not as the IPv6 address that a socket for both shows.
func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
