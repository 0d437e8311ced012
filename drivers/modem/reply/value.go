package reply

// Value reads one number of a vendor's plain reply: field i of the first line with the prefix.
func Value(lines []string, prefix string, i int) (int, bool) {
	f, err := first(lines, prefix)
	if err != nil {
		return 0, false
	}
	return within(f, i, 0, 255)
}
