package repo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"airlock/deployd/release"
	"airlock/publisher"
)

// Assign signs that a node should run a published release from a time on. The serial grows with
// each assignment of the node. CodeNotFound when the release is not published.
func (r *Repo) Assign(node, id string, from time.Time) (release.Assignment, error) {
	if !publisher.ValidName(node) {
		return release.Assignment{}, publisher.Errorf(publisher.CodeInvalid, "%q is no node's name", node)
	}
	if _, err := r.Release(id); err != nil {
		return release.Assignment{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a := release.Assignment{Format: 1, Node: node, Release: id, From: from.UTC(), Serial: r.assignments[node].Serial + 1}
	target := release.AssignmentPath(node)
	file, err := r.storeJSON(target, a)
	if err != nil {
		return a, fmt.Errorf("assign %s to %s: %w", id, node, err)
	}
	if err := r.commit(release.RoleAssignments, func(t *metadata.TargetsType) { t.Targets[target] = file }); err != nil {
		return a, fmt.Errorf("assign %s to %s: %w", id, node, err)
	}
	r.assignments[node] = a
	return a, nil
}

// Assignments lists the current assignment of every node that has one, by node.
func (r *Repo) Assignments() []release.Assignment {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.assignments), func(a, b release.Assignment) int { return strings.Compare(a.Node, b.Node) })
}
