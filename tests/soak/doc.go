// Package soak opens data windows with every simulated module under every fault, many times and each time otherwise, and
// judges how they end. The module's clock and ours are one and run fast: Play takes its time from package time alone, so that a
// bubble of testing/synctest makes minutes pass in milliseconds.
//
//	Case    module × fault × seed: all of a window follows from these three, but for the order of what happens at one instant
//	Play    one window: Up, the hub's handshake, Mend where that fails, a while of data, Down, a look afterwards
//	Result  how it ended, how long it took, and what was broken
//	Table   the counts by module, fault and end
//
// It opens no device and reaches no network. The tests run a sample; `make soak` runs all.
package soak
