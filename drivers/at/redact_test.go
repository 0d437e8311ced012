package at

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// TestRedact: no vendor's way to give a PIN or a password reaches a log, queries stay readable.
func TestRedact(t *testing.T) {
	for _, c := range []string{`+CPIN="s3cret"`, `^CPIN="s3cret"`, `+CSIM=26,"s3cret"`, `+CLCK="SC",0,"s3cret"`, `+CGAUTH=1,2,"u","s3cret"`,
		`+QICSGP=1,1,"a","u","s3cret",3`, `^AUTHDATA=1,2,"","s3cret","u"`, `^NDISDUP=1,1,"a","u","s3cret",2`, `+MGAUTH=1,2,"u","s3cret"`,
		`+XGAUTH=1,2,"u","s3cret"`, `+UAUTHREQ=1,3,"u","s3cret"`, `#PDPAUTH=1,2,"u","s3cret"`, `$QCPDPP=1,2,"s3cret","u"`,
		`+EIAAPN="a",0,"IP","IP",2,"u","s3cret"`, `+CSQ;+cpin="s3cret"`} {
		if got := Redact(c); strings.Contains(got, "s3cret") || !strings.HasSuffix(got, "…") {
			t.Errorf("Redact(%q) = %q", c, got)
		}
	}
	for _, c := range []string{"+CPIN?", "+CGDCONT?", `+CGDCONT=1,"IP","a"`, "^CPIN?"} {
		if got := Redact(c); got != c {
			t.Errorf("Redact(%q) = %q", c, got)
		}
	}
}

// TestEchoIsRedacted: a module that echoes repeats the PIN.
func TestEchoIsRedacted(t *testing.T) {
	var log bytes.Buffer
	w := newWire(nil, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	w.sort(`AT+CPIN="4711"`, 0)
	if strings.Contains(log.String(), "4711") || !strings.Contains(log.String(), "+CPIN=") {
		t.Errorf("log = %s", log.String())
	}
}
