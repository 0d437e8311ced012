package reply

import (
	"fmt"
	"regexp"
	"strconv"
)

// Cause is a reason for which a network refuses a module.
type Cause struct {
	Code int    `json:"code"`
	Text string `json:"text"`
	// Final: the same card at the same place will be refused again; whoever retries annoys the network.
	Final bool `json:"final"`
}

// CauseOf looks a cause up: EMM, 3GPP TS 24.301 §9.9.3.9; GMM, TS 24.008 §10.5.5.14; 5GMM, TS 24.501 §9.11.3.2. The
// three agree where they overlap.
func CauseOf(code int) Cause {
	for _, c := range causes() {
		if c.Code == code {
			return c
		}
	}
	return Cause{Code: code, Text: fmt.Sprintf("cause %d", code)}
}

func causes() []Cause {
	return []Cause{
		{2, "IMSI unknown in HSS", true},
		{3, "illegal UE", true},
		{5, "IMEI not accepted", true},
		{6, "illegal ME", true},
		{7, "packet services not allowed", true},
		{8, "packet and circuit services not allowed", true},
		{9, "UE identity cannot be derived by the network", false},
		{10, "implicitly detached", false},
		{11, "PLMN not allowed", true},
		{12, "location or tracking area not allowed", false},
		{13, "roaming not allowed in this area", false},
		{14, "packet services not allowed in this PLMN", true},
		{15, "no suitable cells in this area", false},
		{16, "MSC temporarily not reachable", false},
		{17, "network failure", false},
		{18, "circuit domain not available", false},
		{19, "ESM failure", false},
		{20, "MAC failure", false},
		{21, "synchronisation failure", false},
		{22, "congestion", false},
		{23, "UE security capabilities mismatch", false},
		{24, "security mode rejected", false},
		{25, "not authorized for this CSG", false},
		{26, "non-EPS authentication unacceptable", false},
		{27, "N1 mode not allowed", false},
		{28, "restricted service area", false},
		{31, "redirection to the other core network required", false},
		{32, "service option not supported", false},
		{33, "requested service option not subscribed", true},
		{34, "service option temporarily out of order", false},
		{35, "requested service option not authorized in this PLMN", true},
		{38, "call cannot be identified", false},
		{39, "circuit service temporarily not available", false},
		{40, "no bearer context activated", false},
		{42, "severe network failure", false},
		{43, "LADN not available", false},
		{62, "no network slices available", false},
		{65, "maximum number of PDU sessions reached", false},
		{67, "insufficient resources for slice and DNN", false},
		{69, "insufficient resources for slice", false},
		{71, "ngKSI already in use", false},
		{72, "non-3GPP access to 5GCN not allowed", false},
		{73, "serving network not authorized", true},
		{74, "temporarily not authorized for this SNPN", false},
		{75, "permanently not authorized for this SNPN", true},
		{76, "not authorized for this CAG", false},
		{77, "wireline access area not allowed", false},
		{78, "PLMN not allowed at the present location", false},
		{90, "payload was not forwarded", false},
		{91, "DNN not supported or not subscribed in the slice", false},
		{92, "insufficient user-plane resources", false},
		{95, "semantically incorrect message", false},
		{96, "invalid mandatory information", false},
		{97, "message type not implemented", false},
		{98, "message type not compatible with the protocol state", false},
		{99, "information element not implemented", false},
		{100, "conditional information element error", false},
		{101, "message not compatible with the protocol state", false},
		{111, "unspecified protocol error", false},
	}
}

// causeShape finds a cause's number in the words of +CEER, such as EMM_CAUSE,11 or "GMM cause #14".
func causeShape() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(?:5GMM|EMM|GMM|MM)[ _-]?cause\D{0,4}(\d{1,3})\b`)
}

// Cause reads the cause of a refused registration, where the module's words name its number. Causes of calls and of
// contexts have the same numbers and other meanings, so a bare number is none.
func (e Ended) Cause() (Cause, bool) {
	match := causeShape().FindStringSubmatch(e.Reason)
	if match == nil {
		return Cause{}, false
	}
	n, err := strconv.Atoi(match[1])
	return CauseOf(n), err == nil && n > 0 && n <= 255
}
