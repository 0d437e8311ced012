package repo

import (
	"fmt"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"airlock/deployd/release"
)

// Renew signs anew what has less than half of its life left, as far as online keys reach, and warns
// about the rest a month ahead.
func (r *Repo) Renew() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warnOffline()
	role := ""
	switch s := r.state; {
	case r.due(release.RoleAssignments, s.targets[release.RoleAssignments].Signed.Expires):
		role = release.RoleAssignments
	case r.due(metadata.SNAPSHOT, s.snapshot.Signed.Expires):
	case r.due(metadata.TIMESTAMP, s.timestamp.Signed.Expires):
		next := *s
		if err := r.stamp(&next, nil); err != nil {
			return fmt.Errorf("renew timestamp: %w", err)
		}
		r.state = &next
		return nil
	default:
		return nil
	}
	if err := r.commit(role, func(*metadata.TargetsType) {}); err != nil {
		return fmt.Errorf("renew %s and snapshot: %w", role, err)
	}
	return nil
}

func (r *Repo) due(role string, expires time.Time) bool {
	return expires.Sub(r.now()) < lifetime[role]/2
}

// warnOffline names the roles which a person has to sign.
func (r *Repo) warnOffline() {
	expiries := map[string]time.Time{
		metadata.ROOT:        r.state.root.Signed.Expires,
		metadata.TARGETS:     r.state.targets[metadata.TARGETS].Signed.Expires,
		release.RoleReleases: r.state.targets[release.RoleReleases].Signed.Expires,
	}
	for role, expires := range expiries {
		if expires.Sub(r.now()) < 30*24*time.Hour {
			r.log.Warn("an offline role expires soon; nodes fetch nothing afterwards", "role", role, "expires", expires)
		}
	}
}
