package modemsim

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// FuzzParseLine: every command line is read or refused, and what was read has a name.
func FuzzParseLine(f *testing.F) {
	for _, line := range []string{"E0V1+CMEE=1;+CFUN?", `+CGDCONT=1,"IP","a;b"`, "&C1S7=60S0?", "D*99***1#", `+X=",,`, ";; ;", "\\Q3", "+=?", "i"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		calls, ok := parseLine(line)
		for _, c := range calls {
			if ok && c.name == "" {
				t.Errorf("parseLine(%q) has a command without a name: %+v", line, c)
			}
			_, _ = c.cid(0)
			_ = c.arg(1000)
		}
	})
}

// FuzzScript: a fault script is read, or refused with the number of a line.
func FuzzScript(f *testing.F) {
	f.Add(ScriptHelp[strings.Index(ScriptHelp, "example")+8:])
	for _, k := range faultKinds() {
		f.Add("data 2: " + k.usage)
		f.Add("at 1ms: " + k.name + " 3 4s")
	}
	f.Fuzz(func(t *testing.T, text string) {
		script, err := ParseScript("f", strings.NewReader(text))
		switch {
		case err == nil && script == nil, err != nil && script != nil:
			t.Errorf("ParseScript(%q) = %v, %v", text, script, err)
		case err != nil && !strings.HasPrefix(err.Error(), "f:"):
			t.Errorf("ParseScript(%q) = %v, want the line named", text, err)
		}
	})
}

// FuzzDialogue types anything at any module: it may refuse, restart or begin a call, and it lives on. Nothing that was typed puts
// a line into the answer that has an end of line within.
func FuzzDialogue(f *testing.F) {
	f.Add(uint8(0), "AT+CFUN?\rAT+CGACT=1,1\rAT+QNETDEVCTL=1,1,1\r")
	f.Add(uint8(3), "AT+CPIN=\"1\"\rAT+CSIM=10,\"0020000100\"\rAT+CLCK=\"SC\",2\rA/\r")
	f.Add(uint8(7), "ATD*99***1#\r\x7e\xff\x03+++\rATO\rATH\r")
	f.Add(uint8(12), "AT+CFUN=1,1\rAT^NDISDUP=1,1\rAT#ECM=1,0;#ECM?\r")
	all := Personalities()
	for i := range all {
		var known []string
		for name := range all[i].verbs {
			known = append(known, "AT"+name+"\rAT"+name+"?\rAT"+name+"=?\rAT"+name+"=1,1\rAT"+name+"=0,\"\",5\r")
		}
		f.Add(uint8(i), strings.Join(known, ""))
	}
	f.Fuzz(func(t *testing.T, which uint8, typed string) {
		if len(typed) > 4096 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			sim := New(Config{Personality: all[int(which)%len(all)], SIM: SIM{PIN: []string{"", "1111"}[which>>7]}})
			near, far := net.Pipe()
			var tasks sync.WaitGroup
			tasks.Go(func() { _ = sim.Serve(t.Context(), far) })
			tasks.Go(func() { _, _ = io.Copy(io.Discard, bufio.NewReader(near)) })
			time.Sleep(time.Second)
			for part := range strings.SplitAfterSeq(typed, "\r") {
				if _, err := io.WriteString(near, part); err != nil {
					break // it left the bus
				}
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(time.Minute)
			near.Close()
			tasks.Wait()
			if left := sim.PINLeft(); left < 0 {
				t.Errorf("%d tries left", left)
			}
			_ = sim.States()
		})
	})
}
