package netd

import "time"

// Every time and number that bounds a window stands here.
const (
	// MaxWindow is the longest that a door is open; a request for more, or for nothing, gets this. With
	// outerRaiseTime it stays below the interlock's budget, which no renewal prolongs.
	MaxWindow = 25 * time.Minute
	// MaxService is the longest that a window for service lasts: two scans of the air, of which a module may take
	// 315 s for one, and the time in which a person reads and types.
	MaxService = 15 * time.Minute

	leaseRenewal = time.Second // of an interlock lease of 3 s, so that two renewals may be late

	// guardTime is how old the guard's last sign of life may be; it gives two a second.
	guardTime = 3 * time.Second

	outerRaiseTime = 4 * time.Minute                 // module from cold, registration, data context, DHCP, handshake
	moduleTime     = outerRaiseTime - 45*time.Second // of it for the module, so that lease and handshake have some
	mendTime       = 50 * time.Second                // without so much left no mending is begun
	callTime       = 30 * time.Second                // of it for the lease and the handshake behind it
	innerRaiseTime = 30 * time.Second
	lowerTime      = 45 * time.Second // one try; the module's radio is the slow part
	handshakeTime  = 20 * time.Second // four initiations of WireGuard, which repeats every 5 s
	resolveTime    = 10 * time.Second
	dialTime       = 15 * time.Second
	drainTime      = 500 * time.Millisecond // for the peers' FIN, before the door is shut
	budgetSlack    = 10 * time.Second       // for the lowering that follows the last second of a window

	// smallTalk is what a module says by itself on its link: answers to ARP, a router's advertisements. Bytes beyond
	// it come from behind the module.
	smallTalk = 512

	lowerTries  = 3                // failed lowerings in a row, after which the fault latches
	retryPause  = time.Second      // before a lowering is tried again
	forcePause  = 5 * time.Second  // before doors are forced again while the fault is being latched
	watchPeriod = 2 * time.Second  // how often a shut keeper looks whether the module came back
	overrun     = 30 * time.Second // how long after its limit an action that does not return makes the keeper unhealthy
)
