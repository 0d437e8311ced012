package lab

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// holderVariable makes the test binary a program that holds a target and a machine until it is killed; its value is the
// targets' root.
const holderVariable = "AIRLOCK_LAB_HOLDER"

// maybeHolder is that program: it prints the process ids of what it holds, one a line, and then waits.
func maybeHolder() {
	tar := os.Getenv(holderVariable)
	if tar == "" {
		return
	}
	capture, err := NewCapture(os.DevNull)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	ctx, lan := context.Background(), NewLAN(capture, quietLog())
	target, err := StartTarget(ctx, TargetConfig{Name: "target-a", Address: netip.MustParsePrefix("10.90.0.11/24"), Tar: tar, LAN: lan.ServeTarget, Log: quietLog()})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	machine, err := StartMachine(ctx, MachineConfig{Inner: lan.ServeNode, Log: quietLog()})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(target.child.pid())
	for _, pid := range childrenOf(target.child.pid()) {
		fmt.Println(pid)
	}
	fmt.Println(machine.child.pid())
	fmt.Println("holding")
	select {}
}

// childrenOf returns the process ids of a process's children.
func childrenOf(pid int) []int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	var all []int
	for _, field := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			all = append(all, child)
		}
	}
	return all
}

// running says whether a process is there and not merely waiting to be collected.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func TestNothingOutlivesAKilledLab(t *testing.T) {
	tar := testTargetTar(t)
	needQEMU(t)
	holder := exec.Command("/proc/self/exe")
	holder.Env = append(os.Environ(), holderVariable+"="+tar)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer holder.Process.Kill()
	var pids []int
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "holding" {
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(lines.Text())
		}
		pids = append(pids, pid)
	}
	if len(pids) != 3 {
		t.Fatalf("the lab holds processes %v, want the target's first one, its sshd, and QEMU", pids)
	}
	for _, pid := range pids {
		if !running(pid) {
			t.Fatalf("process %d does not run before the lab is killed", pid)
		}
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // killed
	deadline := time.Now().Add(patience)
	for _, pid := range pids {
		for running(pid) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d outlives the lab that was killed", pid)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}
