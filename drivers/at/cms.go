package at

import (
	"fmt"
	"strconv"
	"strings"
)

// CMSError is "+CMS ERROR: …": the message service refused a command (3GPP TS 27.005 §3.2.5).
type CMSError struct {
	Code int    // -1 when the module answered with text that is not in the table
	Text string // the table's text for the code, or the module's own
}

func (e *CMSError) Error() string {
	if e.Code < 0 {
		return "+CMS ERROR: " + e.Text
	}
	return fmt.Sprintf("+CMS ERROR: %d (%s)", e.Code, e.Text)
}

// NewCMSError reads what stands behind "+CMS ERROR:": a number, or text.
func NewCMSError(rest string) *CMSError {
	rest = strings.TrimSpace(rest)
	if code, err := strconv.Atoi(rest); err == nil {
		text, ok := cmsTexts()[code]
		if !ok {
			text = "unknown code"
		}
		return &CMSError{Code: code, Text: text}
	}
	want := squash(rest)
	for code, text := range cmsTexts() {
		if squash(text) == want {
			return &CMSError{Code: code, Text: text}
		}
	}
	return &CMSError{Code: -1, Text: rest}
}

// cmsTexts is the table of 27.005 §3.2.5.
func cmsTexts() map[int]string {
	return map[int]string{
		300: "ME failure",
		301: "SMS service reserved",
		302: "operation not allowed",
		303: "operation not supported",
		304: "invalid PDU mode parameter",
		305: "invalid text mode parameter",
		310: "SIM not inserted",
		311: "SIM PIN required",
		312: "PH-SIM PIN required",
		313: "SIM failure",
		314: "SIM busy",
		315: "SIM wrong",
		316: "SIM PUK required",
		317: "SIM PIN2 required",
		318: "SIM PUK2 required",
		320: "memory failure",
		321: "invalid index",
		322: "memory full",
		330: "SMSC address unknown",
		331: "no network",
		332: "network timeout",
		340: "no CNMA Acknowledgement expected",
		500: "unknown error",
	}
}
