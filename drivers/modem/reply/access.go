package reply

// AccessTech is a radio technology by <AcT> (§7.3), as the words of the JSON form.
type AccessTech string

// AccessUnknown is what modules leave out.
const AccessUnknown AccessTech = "UNKNOWN"

// accessOf names an <AcT>. 8 is EC-GSM-IoT by §7.3; modules with LTE-M answer it for LTE-M as well.
func accessOf(act int) AccessTech {
	names := [...]AccessTech{"GSM", "GSM_COMPACT", "UMTS", "EDGE", "HSDPA", "HSUPA", "HSPA", "LTE", "EC_GSM_IOT", "LTE_NBIOT",
		"LTE_5GC", "5GNR", "5GNR", "LTE_5GNR"}
	if act < 0 || act >= len(names) {
		return AccessUnknown
	}
	return names[act]
}

// String names the technology for people; empty when unknown.
func (a AccessTech) String() string {
	switch a {
	case AccessUnknown:
		return ""
	case "GSM_COMPACT":
		return "GSM"
	case "EC_GSM_IOT":
		return "EC-GSM-IoT"
	case "LTE_NBIOT":
		return "LTE NB-IoT"
	case "LTE_5GC":
		return "LTE (5G core)"
	case "5GNR":
		return "5G"
	case "LTE_5GNR":
		return "LTE + 5G"
	}
	return string(a)
}
