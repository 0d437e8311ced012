package modem

import (
	"errors"
	"strings"
	"testing"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/modem/reply"
)

// TestReadSIM: only the card's own PIN and PUK may be answered; locks of the module's and second PINs never are.
func TestReadSIM(t *testing.T) {
	for _, c := range []struct{ line, name, asks string }{
		{"+CPIN: READY", "ready", ""}, {"+CPIN: SIM PIN", "pin", "SIM PIN"}, {"+CPIN: SIM PUK", "puk", "SIM PUK"},
		{"+CPIN: SIM PIN2", "ready", ""}, {"+CPIN: SIM PUK2", "ready", ""},
		{"+CPIN: PH-NET PIN", "locked", ""}, {"+CPIN: PH-NET PUK", "locked", ""}, {"+CPIN: PH-SIM PIN", "locked", ""}, {"+CPIN: PH-CORP PUK", "locked", ""},
		{"+CPIN: NOT INSERTED", "missing", ""}, {"+CPIN: NOT READY", "unknown", ""}, {"+CPIN: SIM FAILURE", "broken", ""}, {"nonsense", "unknown", ""},
	} {
		if got := readSIM([]string{c.line}, nil); got.name != c.name || got.asks != c.asks || (got.fault == nil) != (c.name == "ready" || c.name == "unknown") {
			t.Errorf("readSIM(%q) = %+v, want %s, asks %q", c.line, got, c.name, c.asks)
		}
	}
	for code, name := range map[string]string{"10": "missing", "11": "pin", "12": "puk", "13": "broken", "5": "locked", "40": "locked",
		"17": "unknown", "18": "unknown", "14": "unknown", "100": "unknown"} {
		if got := readSIM(nil, at.NewCMEError(code)); got.name != name || got.asks != "" {
			t.Errorf("readSIM(CME %s) = %+v, want %s, and nothing to answer", code, got, name)
		}
	}
}

// TestMarks: a PIN is known by its digest with the card's number and salt, and by nothing less; other cards and PINs are not.
func TestMarks(t *testing.T) {
	m := New(Config{}, nil)
	for _, step := range []struct{ iccid, pin, mark string }{
		{"A", "1234", triedMark}, {"A", "1234", refusedMark}, {"A", "9999", refusedMark}, {"B", "4711", triedMark}, {"B", "4711", ""},
	} {
		if err := m.markPIN(step.iccid, step.pin, step.mark); err != nil {
			t.Fatal(err)
		}
	}
	kept, _ := m.cfg.Memory.Load()
	for _, c := range []struct{ iccid, pin, want string }{
		{"A", "1234", refusedMark}, {"A", "9999", refusedMark}, {"A", "4711", ""}, {"B", "4711", ""}, {"B", "1234", ""},
	} {
		if got := outcomeOf(kept.RefusedPIN[c.iccid], c.iccid, c.pin); got != c.want {
			t.Errorf("outcome of %s with %s = %q, want %q", c.pin, c.iccid, got, c.want)
		}
	}
	if _, there := kept.RefusedPIN["B"]; there || len(strings.Fields(kept.RefusedPIN["A"])) != 2 || strings.Contains(kept.RefusedPIN["A"], "1234") {
		t.Errorf("remembered: %q", kept.RefusedPIN)
	}
	if outcomeOf(kept.RefusedPIN["A"], "B", "1234") != "" {
		t.Error("a digest of one card fits another")
	}
	for _, broken := range []string{"refused", "refused:zz:00", "refused::", ":", "x:y:z"} {
		if got := outcomeOf(broken, "A", "1234"); got != "" {
			t.Errorf("outcomeOf(%q) = %q", broken, got)
		}
	}
}

// TestMayTry: the count and the memory, for configured and for typed PINs.
func TestMayTry(t *testing.T) {
	m := New(Config{}, nil)
	_ = m.markPIN("A", "1111", refusedMark)
	_ = m.markPIN("A", "2222", triedMark)
	count := func(n int) *int { return &n }
	for _, c := range []struct {
		pin   string
		left  *int
		typed bool
		word  string // empty: it may be sent
	}{
		{"4711", count(3), false, ""}, {"4711", count(2), true, ""}, {"4711", count(1), false, "one try left"}, {"4711", count(1), true, "one try left"},
		{"4711", count(0), true, "no try left"}, {"4711", nil, false, "does not tell"}, {"4711", nil, true, "does not tell"},
		{"1111", count(3), false, "refused this PIN before"}, {"1111", count(3), true, "refused this PIN before"},
		{"2222", count(3), false, "answer was lost"}, {"2222", count(3), true, ""},
	} {
		err := m.mayTry("A", c.pin, c.left, c.typed)
		if (err == nil) != (c.word == "") || err != nil && !strings.Contains(err.Error(), c.word) {
			t.Errorf("mayTry(%s, typed %v) = %v, want %q", c.pin, c.typed, err, c.word)
		}
	}
}

// TestTries: counts that name no code belong to the one that is asked for, and the first that tells is taken.
func TestTries(t *testing.T) {
	n := func(v int) *int { return &v }
	for _, c := range []struct {
		replies []reply.Retries
		isPUK   bool
		pin     int
		puk     int // -1: not told
	}{
		{[]reply.Retries{{PIN: n(3), PUK: n(10)}, {PIN: n(1)}}, false, 3, 10},
		{[]reply.Retries{{Current: n(2)}}, false, 2, -1},
		{[]reply.Retries{{Current: n(9)}}, true, -1, 9},
		{[]reply.Retries{{PIN: n(0), Current: n(9)}}, true, 0, 9},
		{nil, false, -1, -1},
	} {
		var got tries
		for _, r := range c.replies {
			got.take(r, c.isPUK)
		}
		told := func(p *int) int {
			if p == nil {
				return -1
			}
			return *p
		}
		if told(got.pin) != c.pin || told(got.puk) != c.puk {
			t.Errorf("tries of %+v = %d, %d, want %d, %d", c.replies, told(got.pin), told(got.puk), c.pin, c.puk)
		}
	}
}

func TestAPNOf(t *testing.T) {
	for imsi, want := range map[string]string{
		"262011234567890": "internet.telekom", "310260123456789": "fast.t-mobile.com", "001011234567890": "", "": "", "2620": "", "26201": "internet.telekom",
	} {
		if got := apnOf(imsi); got != want {
			t.Errorf("apnOf(%q) = %q, want %q", imsi, got, want)
		}
	}
	for plmn, apn := range apns() {
		if _, ok := reply.ParseNumber(plmn); !ok || apn == "" || (Config{APN: apn, Type: "IP"}).checkContext() != nil {
			t.Errorf("the table says %q for %q", apn, plmn)
		}
	}
}

// TestSignalOf: every reader's levels arrive in dBm and dB under the technology's name; replies of a family, as captured.
func TestSignalOf(t *testing.T) {
	for _, c := range []struct {
		query, answer, access string
		rsrp, rsrq, sinr      float64 // 999: not told
	}{
		{`+QENG="servingcell"`, `+QENG: "servingcell","NOCONN","LTE","FDD",262,01,D17C148,496,1850,3,5,5,272D,-99,-10,-71,14,18`, "LTE", -99, -10, 999},
		{`+QENG="servingcell"`, `+QENG: "servingcell","NOCONN","NR5G-SA","FDD",460,01,2426AB483,277,242400,428910,1,6,-80,-11,24,0,-`, "5G", -80, -11, 24},
		{"+QCSQ", `+QCSQ: "LTE",-71,-99,160,-10`, "LTE", -99, -10, 12},
		{"+QRSRP", "+QRSRP: -104,-95,-32768,-32768,LTE", "LTE", -95, 999, 999},
		{"+CPSI?", "+CPSI: LTE,Online,262-01,0x272D,219660616,496,EUTRAN-BAND3,1850,5,5,-100,-990,-710,15", "LTE", -99, -10, 999},
		{"+CPSI?", "+CPSI: NO SERVICE,Online", "", 999, 999, 999},
		{"+CESQ", "+CESQ: 99,99,255,255,20,42", "LTE", -99, -10, 999},
		{"+CESQ", "+CESQ: 99,99,255,255,255,255,67,58,71", "5G", -99, -10, 12},
		{"+XCESQ?", "+XCESQ: 0,99,99,255,255,20,42,24", "LTE", -99, -10, 999},
		{"^HCSQ?", `^HCSQ: "LTE",50,42,161,20`, "LTE", -99, -10, 12},
		{"!GSTATUS?", "!GSTATUS: \r\nCurrent Time:  22016\t\tTemperature: 40\r\nMode:        ONLINE\r\nSystem mode:   LTE        \tPS state:    Attached\r\nRSRP (dBm):  -99\r\nRSRQ (dB):     -10.0\t\tSINR (dB):   12.0", "LTE", -99, -10, 12},
		{"#RFSTS", `#RFSTS: "262 01",1850,-99,-71,-10,272D,255,,128,19,0,D17C148,"262011234567890","Telekom",3,3`, "LTE", -99, -10, 999},
		{"+GTCCINFO?", "+GTCCINFO:\r\nLTE service cell:\r\n1,4,262,01,272D,D17C148,73A,1F0,103,100,15,42,42,20", "LTE", -99, -10, 999},
	} {
		read, err := reply.Parse(c.query, reply.Dialect{}, []byte(c.answer))
		if err != nil {
			t.Errorf("Parse(%q) = %v", c.answer, err)
			continue
		}
		got := signalOf(c.query, read)
		if got == nil {
			if c.rsrp != 999 {
				t.Errorf("signalOf(%q) = nil", c.answer)
			}
			continue
		}
		for name, l := range map[string]struct {
			got  *float64
			want float64
		}{"RSRP": {got.RSRP, c.rsrp}, "RSRQ": {got.RSRQ, c.rsrq}, "SINR": {got.SINR, c.sinr}} {
			if l.got == nil && l.want != 999 || l.got != nil && (*l.got-l.want > 0.26 || l.want-*l.got > 0.26) {
				t.Errorf("signalOf(%q): %s = %v, want %v", c.answer, name, l.got, l.want)
			}
		}
		if got.Access != c.access || got.Query != c.query {
			t.Errorf("signalOf(%q) = %+v, want %s", c.answer, got, c.access)
		}
	}
}

// TestSignalWith: gaps are filled from another query of the same technology, and nothing is overwritten.
func TestSignalWith(t *testing.T) {
	v := func(x float64) *float64 { return &x }
	a := &Signal{Query: "A", Access: "LTE", Levels: reply.Levels{RSRP: v(-99)}}
	if got := a.with(&Signal{Query: "B", Access: "5G", Levels: reply.Levels{SINR: v(3)}}); got.SINR != nil || got.Query != "A" {
		t.Errorf("levels of another technology were taken: %+v", got)
	}
	got := a.with(&Signal{Query: "B", Access: "LTE", Levels: reply.Levels{RSRP: v(-50), SINR: v(3)}})
	if *got.RSRP != -99 || *got.SINR != 3 || got.Query != "A, B" {
		t.Errorf("with() = %+v", got)
	}
}

// TestJudge: the window of times that are believed, at its edges.
func TestJudge(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	m := New(Config{NotBefore: from}, nil)
	for _, c := range []struct {
		answer string
		want   bool
	}{
		{`+CCLK: "26/11/01,00:00:00+00"`, true}, {`+CCLK: "26/10/31,23:59:59+00"`, false}, {`+CCLK: "26/11/01,01:59:59+08"`, false},
		{`+CCLK: "46/10/01,00:00:00+00"`, true}, {`+CCLK: "46/11/01,00:00:00+00"`, false}, {`+CCLK: "80/01/06,00:00:12+00"`, false},
		{`+CCLK: "27/01/01,00:00:00"`, false}, // no zone: up to 14 hours wrong
	} {
		read, err := reply.Parse("+CCLK?", reply.Dialect{}, []byte(c.answer))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.judge(read.(reply.Clock), "+CCLK?", from); got.Plausible != c.want {
			t.Errorf("judge(%s) = %+v, want plausible %v", c.answer, got, c.want)
		}
	}
}

// TestHearTime: a time that came by itself stands in where no query tells a believable one.
func TestHearTime(t *testing.T) {
	m := New(Config{}, nil)
	m.hearTime(`+CTZE: "+08",0,"2026/11/25,12:00:00"`)
	if m.told.at.IsZero() || !m.told.clock.Time.Equal(time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("told = %+v, want 10:00 UTC", m.told)
	}
	for _, line := range []string{`+CTZV: "+08"`, "+CTZE: ", `+CTZE: "+08",0`, "+CCLK: x"} {
		if _, _, ok := reply.ParseTimeEvent(line); ok {
			t.Errorf("ParseTimeEvent(%q) tells a time", line)
		}
	}
}

// TestRefusal: what is kept of several domains' answers, and what a person is told.
func TestRefusal(t *testing.T) {
	of := func(line, query string) *refusal {
		r, err := reply.ParseRegistration(line, query, true)
		if err != nil {
			t.Fatal(err)
		}
		return refusalOf(r)
	}
	bare, soft, hard := of("+CREG: 2,3", "+CREG"), of("+CGREG: 3,3,,,,0,15", "+CGREG"), of("+CEREG: 3,3,,,,0,11", "+CEREG")
	if of("+CEREG: 3,1", "+CEREG") != nil || of("+CEREG: 3,3,,,,1,11", "+CEREG").cause != nil {
		t.Error("a cause is made of what is none: registered, or the operator's own list")
	}
	for _, order := range [][]*refusal{{bare, soft, hard}, {hard, soft, bare}, {nil, hard, nil, bare, soft}} {
		var got *refusal
		for _, f := range order {
			got = got.worse(f)
		}
		if got != hard {
			t.Errorf("worst of %v = %+v", order, got)
		}
	}
	for ceer, want := range map[string]string{"EMM_CAUSE,11": "PLMN not allowed (EPS cause 11)", "GMM cause #7": "packet services not allowed", "LTE detach": "denied: LTE detach", "": "denied, without a cause", "cause 16": "denied: cause 16"} {
		f := &refusal{domain: "EPS"}
		f.learn(reply.Ended{Reason: ceer})
		if !strings.Contains(f.reject(), want) {
			t.Errorf("refusal by +CEER %q = %q, want %q", ceer, f.reject(), want)
		}
	}
	for cause, want := range map[int]bool{2: true, 3: true, 6: true, 8: true, 11: true, 12: false, 15: false, 17: false, 22: false, 111: false, 200: false} {
		c := reply.CauseOf(cause)
		f := &refusal{domain: "EPS", cause: &c}
		if e := f.fault(); e.Final != want || final(cause) != want || e.Detail == "" {
			t.Errorf("cause %d: %+v, want final %v", cause, e, want)
		}
	}
}

// TestWrote: the count outlives the session, and a memory that fails ends nothing.
func TestWrote(t *testing.T) {
	memory := &volatile{}
	m := New(Config{Memory: memory}, nil)
	m.wrote(2)
	m.wrote(1)
	if got := New(Config{Memory: memory}, nil).Status().FlashWrites; got != 3 || m.Status().FlashWrites != 3 {
		t.Errorf("flash writes = %d, then %d, want 3", m.Status().FlashWrites, got)
	}
	broken := New(Config{Memory: failing{}}, nil)
	if broken.wrote(1); broken.Status().FlashWrites != 1 {
		t.Error("a memory that fails stops the count")
	}
}

// failing is a memory that neither reads nor writes.
type failing struct{}

func (failing) Load() (Remembered, error) { return Remembered{}, errors.New("no disk") }
func (failing) Save(Remembered) error     { return errors.New("no disk") }
