package reply

import "math"

// Strength is +CSQ (§8.5).
type Strength struct {
	RSSI    int      `json:"rssi"`
	BER     *int     `json:"ber"`
	RSSIdBm *float64 `json:"rssi_dbm"` // nil: not known
}

// ParseStrength reads +CSQ.
func ParseStrength(lines []string) (Strength, error) {
	f, err := first(lines, "+CSQ")
	if err != nil {
		return Strength{}, err
	}
	n, ok := num(f, 0)
	s := Strength{RSSI: n}
	if ber, ok := within(f, 1, 0, 199); ok {
		s.BER = &ber
	}
	switch {
	case ok && n >= 0 && n <= 31:
		s.RSSIdBm = dB(-113 + 2*float64(n))
	case ok && n >= 100 && n <= 191: // TD-SCDMA RSCP of some modules: -116 dBm and up, 1 dB steps
		s.RSSIdBm = dB(float64(n) - 216)
	case ok && (n == 99 || n == 199):
	default:
		return Strength{}, unreadable("+CSQ", lines)
	}
	return s, nil
}

// dB keeps three decimals, which is more than any module tells and less than what floats make up.
func dB(v float64) *float64 {
	v = math.Round(v*1000) / 1000
	return &v
}

// Quality is +CESQ (§8.69) and XMM's +XCESQ: the indexes as sent, and per technology what they mean.
type Quality struct {
	Raw  map[string]int `json:"raw"`
	GSM  *Levels        `json:"gsm,omitempty"`
	UMTS *Levels        `json:"umts,omitempty"`
	LTE  *Levels        `json:"lte,omitempty"`
	NR   *Levels        `json:"nr,omitempty"`
	None bool           `json:"no_signal,omitempty"` // every index says "not known"
}

// Levels are powers in dBm and ratios in dB; nil was not told.
type Levels struct {
	RSSI *float64 `json:"rssi_dbm,omitempty"`
	RSCP *float64 `json:"rscp_dbm,omitempty"`
	EcIo *float64 `json:"ecio_db,omitempty"`
	RSRP *float64 `json:"rsrp_dbm,omitempty"`
	RSRQ *float64 `json:"rsrq_db,omitempty"`
	SNR  *float64 `json:"snr_db,omitempty"`
	SINR *float64 `json:"sinr_db,omitempty"`
}

// index is one field of +CESQ: value = base + step × index, from low to high. Index 0 means "below".
type index struct {
	name       string
	low, high  int
	base, step float64
	unknown    int
	into       func(*Quality) **float64
}

func member(of func(*Quality) **Levels, in func(*Levels) **float64) func(*Quality) **float64 {
	return func(q *Quality) **float64 {
		l := of(q)
		if *l == nil {
			*l = &Levels{}
		}
		return in(*l)
	}
}

// indexes are the fields of §8.69 in their order.
func indexes() []index {
	gsm := func(q *Quality) **Levels { return &q.GSM }
	umts := func(q *Quality) **Levels { return &q.UMTS }
	lte := func(q *Quality) **Levels { return &q.LTE }
	nr := func(q *Quality) **Levels { return &q.NR }
	rsrq := func(l *Levels) **float64 { return &l.RSRQ }
	rsrp := func(l *Levels) **float64 { return &l.RSRP }
	return []index{
		{"rxlev", 0, 63, -111, 1, 99, member(gsm, func(l *Levels) **float64 { return &l.RSSI })},
		{"ber", 0, 7, 0, 0, 99, nil},
		{"rscp_level", 0, 96, -121, 1, 255, member(umts, func(l *Levels) **float64 { return &l.RSCP })},
		{"ecn0_level", 0, 49, -24.5, 0.5, 255, member(umts, func(l *Levels) **float64 { return &l.EcIo })},
		{"rsrq_level", 0, 34, -20, 0.5, 255, member(lte, rsrq)},
		{"rsrp_level", 0, 97, -141, 1, 255, member(lte, rsrp)},
		{"ss_rsrq_level", 0, 126, -43.5, 0.5, 255, member(nr, rsrq)},
		{"ss_rsrp_level", 0, 126, -157, 1, 255, member(nr, rsrp)},
		{"ss_sinr_level", 0, 127, -23.5, 0.5, 255, member(nr, func(l *Levels) **float64 { return &l.SINR })},
	}
}

func readQuality(r Reply) (any, error) {
	f, err := first(r.Lines, "+CESQ")
	if err != nil {
		return nil, err
	}
	if len(f) < 6 {
		return nil, unreadable("+CESQ", r.Lines)
	}
	all := indexes()
	if len(f) < len(all) {
		all = all[:6]
	}
	q, ok := qualityOf(f, all)
	if !ok {
		return nil, unreadable("+CESQ", r.Lines)
	}
	return q, nil
}

// readXCESQ: +XCESQ: <n>,<rxlev>,<ber>,<rscp>,<ecn0>,<rsrq>,<rsrp>,<rssnr>; rssnr in half dB.
func readXCESQ(r Reply) (any, error) {
	f, err := first(r.Lines, "+XCESQ")
	if err != nil {
		return nil, err
	}
	lte := func(q *Quality) **Levels { return &q.LTE }
	all := append(indexes()[:6:6], index{"rssnr_level", -100, 100, 0, 0.5, 255, member(lte, func(l *Levels) **float64 { return &l.SNR })})
	if len(f) == len(all)+1 { // the unsolicited form has no <n>
		f = f[1:]
	}
	q, ok := qualityOf(f, all)
	if !ok || len(f) != len(all) {
		return nil, unreadable("+XCESQ", r.Lines)
	}
	return q, nil
}

func qualityOf(f []field, all []index) (Quality, bool) {
	q := Quality{Raw: map[string]int{}, None: true}
	for i, x := range all {
		n, ok := within(f, i, -128, 255)
		if !ok {
			return q, false
		}
		if q.Raw[x.name] = n; n == x.unknown || n < x.low || n > x.high {
			continue
		}
		if x.into != nil {
			q.None = false
			*x.into(&q) = dB(x.base + x.step*float64(n))
		}
	}
	return q, true
}

func readStrength(r Reply) (any, error) { return ParseStrength(r.Lines) }
