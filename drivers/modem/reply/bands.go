package reply

import (
	"fmt"
	"slices"
)

// Bands are those in use, by the names of 3GPP: EGSM, UTRAN_1, EUTRAN_20.
type Bands struct {
	List []string `json:"bands"`
}

// bandOf names a number of +UACT and +XACT: a frequency for GSM, 1… for UMTS, 101… for LTE.
func bandOf(n int) (string, bool) {
	switch {
	case n == 900:
		return "EGSM", true
	case n == 1800:
		return "DCS", true
	case n == 1900:
		return "PCS", true
	case n == 850:
		return "G850", true
	case n >= 1 && n <= 99:
		return fmt.Sprintf("UTRAN_%d", n), true
	case n >= 101 && n <= 199:
		return fmt.Sprintf("EUTRAN_%d", n-100), true
	}
	return "", false
}

// bandNames names a list; 0 means automatic and names none. GSM comes in the order of bandOf's table, as both vendors count.
func bandNames(f []field) ([]string, bool) {
	out := []string{}
	for i := range f {
		n, ok := num(f, i)
		if !ok {
			return nil, false
		}
		name, ok := bandOf(n)
		if !ok && n != 0 {
			return nil, false
		}
		if ok {
			out = append(out, name)
		}
	}
	return out, true
}

// readUACT reads u-blox's +UACT?: three empty fields, then bands.
func readUACT(r Reply) (any, error) {
	f, err := first(r.Lines, "+UACT")
	if err != nil {
		return nil, err
	}
	if len(f) < 4 || text(f, 0)+text(f, 1)+text(f, 2) != "" {
		return nil, unreadable("+UACT", r.Lines)
	}
	names, ok := bandNames(f[3:])
	if !ok || len(names) == 0 {
		return nil, unreadable("+UACT", r.Lines)
	}
	// GSM in the order of frequency bands: 850, 900, 1800, 1900
	rank := []string{"G850", "EGSM", "DCS", "PCS"}
	slices.SortStableFunc(names, func(a, b string) int { return place(rank, a) - place(rank, b) })
	return Bands{names}, nil
}

// place is the index of a name in a list; names beyond it keep their order behind it.
func place(list []string, name string) int {
	if i := slices.Index(list, name); i >= 0 {
		return i
	}
	return len(list)
}

// BandChoice is +UACT=?.
type BandChoice struct {
	GSM  []string `json:"bands_2g"`
	UMTS []string `json:"bands_3g"`
	LTE  []string `json:"bands_4g"`
}

func readBandChoice(r Reply) (any, error) {
	for _, line := range r.Lines {
		rest, ok := after(line, "+UACT")
		if !ok {
			continue
		}
		g := groups(rest)
		out := BandChoice{[]string{}, []string{}, []string{}}
		// Three empty fields, then a group per generation; time-division LTE has a group of its own, which is left out.
		for i, into := range [...]*[]string{&out.GSM, &out.UMTS, &out.LTE} {
			if i+3 >= len(g) {
				break
			}
			list, err := numbers(g[i+3])
			if err != nil {
				return nil, unreadable("+UACT", r.Lines)
			}
			for _, n := range list {
				if name, ok := bandOf(n); ok {
					*into = append(*into, name)
				}
			}
		}
		if len(g) < 4 {
			break
		}
		return out, nil
	}
	return nil, unreadable("+UACT", r.Lines)
}
