package ppptest

// Option finds one among options.
func Option(options []byte, kind byte) []byte {
	for ; len(options) >= 2 && int(options[1]) <= len(options) && options[1] >= 2; options = options[options[1]:] {
		if options[0] == kind {
			return options[2:options[1]]
		}
	}
	return nil
}

func replace(options, better []byte) []byte {
	var out []byte
	for o := options; len(o) >= 2; o = o[o[1]:] {
		if b := Option(better, o[0]); b != nil {
			out = append(append(out, o[0], byte(2+len(b))), b...)
		} else {
			out = append(out, o[:o[1]]...)
		}
	}
	return out
}

func drop(options, rejected []byte) []byte {
	var out []byte
	for o := options; len(o) >= 2; o = o[o[1]:] {
		if Option(rejected, o[0]) == nil {
			out = append(out, o[:o[1]]...)
		}
	}
	return out
}
