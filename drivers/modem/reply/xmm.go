package reply

import (
	"slices"
	"strings"
)

// Technologies is XMM's +XACT?: which generations are allowed, which comes first, and the bands.
type Technologies struct {
	Allowed   []string `json:"allowed"`
	Preferred []string `json:"preferred"`
	Bands     []string `json:"bands"`
}

// generations are the values of +XACT's first field.
func generations() [][]string {
	return [][]string{{"2G"}, {"3G"}, {"4G"}, {"2G", "3G"}, {"3G", "4G"}, {"2G", "4G"}, {"2G", "3G", "4G"}}
}

func readXACT(r Reply) (any, error) {
	f, err := first(r.Lines, "+XACT")
	if err != nil {
		return nil, err
	}
	mode, ok := within(f, 0, 0, 6)
	if !ok || len(f) < 3 {
		return nil, unreadable("+XACT", r.Lines)
	}
	bands, ok := bandNames(f[3:])
	if !ok {
		return nil, unreadable("+XACT", r.Lines)
	}
	t := Technologies{Allowed: generations()[mode], Preferred: []string{}, Bands: bands}
	if n, ok := within(f, 1, 0, 2); ok && len(t.Allowed) > 1 {
		t.Preferred = []string{[...]string{"2G", "3G", "4G"}[n]}
	}
	return t, nil
}

// Offered is +XACT=?: the combinations and bands that can be set.
type Offered struct {
	Modes []Combination `json:"modes"`
	Bands []string      `json:"bands"`
}

// Combination is a set of generations and the one that comes first.
type Combination struct {
	Allowed   []string `json:"allowed"`
	Preferred []string `json:"preferred"`
}

func readXACTOffer(r Reply) (any, error) {
	for _, line := range r.Lines {
		rest, ok := after(line, "+XACT")
		g := groups(rest)
		if !ok || len(g) < 3 {
			continue
		}
		modes, err1 := numbers(g[0])
		firsts, err2 := numbers(g[1])
		bands, ok := bandNames(fields(strings.Join(g[2:], ",")))
		if err1 != nil || err2 != nil || !ok {
			break
		}
		return Offered{combinations(modes, firsts, bands), bands}, nil
	}
	return nil, unreadable("+XACT", r.Lines)
}

// combinations lists what the numbers allow, without generations that have no band: the module names all numbers, even
// where its radio lacks a generation.
func combinations(modes, firsts []int, bands []string) []Combination {
	has := func(generation string) bool {
		return slices.ContainsFunc(bands, func(b string) bool {
			switch {
			case strings.HasPrefix(b, "EUTRAN"):
				return generation == "4G"
			case strings.HasPrefix(b, "UTRAN"):
				return generation == "3G"
			}
			return generation == "2G"
		})
	}
	out := []Combination{}
	for _, n := range []int{0, 1, 2, 3, 5, 4, 6} {
		allowed := generations()[n]
		if !slices.Contains(modes, n) || slices.ContainsFunc(allowed, func(g string) bool { return !has(g) }) {
			continue
		}
		out = append(out, Combination{allowed, []string{}})
		for i, g := range []string{"2G", "3G", "4G"} {
			if len(allowed) > 1 && slices.Contains(firsts, i) && slices.Contains(allowed, g) {
				out = append(out, Combination{allowed, []string{g}})
			}
		}
	}
	return out
}
