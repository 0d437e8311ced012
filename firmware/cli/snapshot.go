package cli

import (
	"context"
	"sync"
	"time"

	"airlock/deployd/api"
	"airlock/netd/windows"
)

// askTimeout bounds how long a daemon may take to tell its state; it does so from memory.
const askTimeout = 3 * time.Second

// Snapshot is what both daemons told at one moment.
type Snapshot struct {
	Firmware   string
	Netd       *windows.Status // nil when it does not answer; NetdErr says why
	NetdErr    error
	Deployd    *api.Status // nil when it does not answer; CourierErr says why
	CourierErr error
}

// Look asks both daemons at once.
func Look(ctx context.Context, firmware string, doors Doorkeeper, courier Courier) Snapshot {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	s := Snapshot{Firmware: firmware}
	var both sync.WaitGroup
	both.Go(func() {
		if status, err := doors.Status(ctx); err != nil {
			s.NetdErr = err
		} else {
			s.Netd = &status
		}
	})
	both.Go(func() {
		if status, err := courier.Status(ctx); err != nil {
			s.CourierErr = err
		} else {
			s.Deployd = &status
		}
	})
	both.Wait()
	return s
}

// Node is the node's name, empty while it is not enrolled or cannot be asked.
func (s Snapshot) Node() string {
	if s.Netd != nil && s.Netd.Identity != nil {
		return s.Netd.Identity.Node
	}
	if s.Deployd != nil {
		return s.Deployd.Node
	}
	return ""
}

// Enrolled says whether the node knows its publisher, as far as can be told.
func (s Snapshot) Enrolled() bool {
	return s.Netd != nil && s.Netd.Identity != nil || s.Deployd != nil && s.Deployd.Enrolled
}

// err is the first daemon that does not answer.
func (s Snapshot) err() error {
	if s.NetdErr != nil {
		return s.NetdErr
	}
	return s.CourierErr
}
