package hub

import (
	"context"
	"sync"
	"time"

	"airlock/publisher"
)

// members is the publisher's database as a model: names, keys and addresses are unique, a token
// serves once.
type members struct {
	mu      sync.Mutex
	nodes   []publisher.Node
	reports map[string][]byte
	fail    error // what every write answers, where set

	parts    map[string][]publisher.RecordPart
	troubles []string
}

// Record implements Inbox.
func (m *members) Record(_ context.Context, node string) (publisher.NodeRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := publisher.NodeRecord{Node: node}
	if p := m.parts[node]; len(p) > 0 {
		r.Seq, r.Hash = p[len(p)-1].Last, p[len(p)-1].Hash
	}
	return r, nil
}

// AddRecordPart implements Inbox.
func (m *members) AddRecordPart(_ context.Context, node string, after uint64, p publisher.RecordPart) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.parts == nil {
		m.parts = map[string][]publisher.RecordPart{}
	}
	m.parts[node] = append(m.parts[node], p)
	return m.fail
}

// AddRecordTrouble implements Inbox.
func (m *members) AddRecordTrouble(_ context.Context, _, detail string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.troubles = append(m.troubles, detail)
	return m.fail
}

// record is what was kept of a node's.
func (m *members) record(node string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := ""
	for _, p := range m.parts[node] {
		s += string(p.Lines)
	}
	return s
}

func (m *members) Nodes(context.Context) ([]publisher.Node, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]publisher.Node(nil), m.nodes...), nil
}

func (m *members) AddNode(_ context.Context, n publisher.Node) (publisher.Node, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, other := range m.nodes {
		if other.Name == n.Name {
			return n, publisher.Errorf(publisher.CodeConflict, "node %s exists already", n.Name)
		}
	}
	n.State = publisher.Invited
	m.nodes = append(m.nodes, n)
	return n, m.fail
}

func (m *members) Enrol(_ context.Context, n publisher.Node) (publisher.Node, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return n, m.fail
	}
	for i, have := range m.nodes {
		if have.Name == n.Name && have.State == publisher.Invited {
			have.State, have.Key, have.ReportKey, have.SSHKey, have.Address, have.RecordKey = publisher.Enrolled, n.Key, n.ReportKey, n.SSHKey, n.Address, n.RecordKey
			have.Enrolled = time.Now()
			m.nodes[i] = have
			return have, nil
		}
	}
	return n, publisher.Errorf(publisher.CodeConflict, "the token of node %s was used already", n.Name)
}

func (m *members) find(match func(publisher.Node) bool) (publisher.Node, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.nodes {
		if match(n) {
			return n, nil
		}
	}
	return publisher.Node{}, publisher.Errorf(publisher.CodeNotFound, "no such node")
}

func (m *members) NodeByAddress(_ context.Context, a string) (publisher.Node, error) {
	return m.find(func(n publisher.Node) bool { return n.Address == a })
}

func (m *members) NodeByInvite(_ context.Context, a string) (publisher.Node, error) {
	return m.find(func(n publisher.Node) bool { return n.InviteAddress == a })
}

func (m *members) Seen(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.nodes {
		if m.nodes[i].Name == name {
			m.nodes[i].LastSeen = time.Now()
		}
	}
	return nil
}

func (m *members) AddReport(_ context.Context, node, id string, body []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reports[node+"/"+id] = body
	return m.fail
}
