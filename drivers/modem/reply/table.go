package reply

import (
	"slices"
	"strings"
)

// entry ties a command to its reader. Forms is "" for every form but the test form.
type entry struct {
	name string
	form Form // Test, or Bare for all others
	read func(Reply) (any, error)
}

// table is every command that can be read, by vendor.
func table() []entry {
	return slices.Concat(standard(), quectelTable(), simcomTable(), otherTable(), identityTable())
}

func standard() []entry {
	return []entry{
		{"+CREG", Bare, readRegistration}, {"+CGREG", Bare, readRegistration},
		{"+CEREG", Bare, readRegistration}, {"+C5GREG", Bare, readRegistration},
		{"+CPIN", Bare, readSIM}, {"+CPINR", Bare, readCPINR}, {"+CSIM", Bare, readVerify},
		{"+CFUN", Bare, readFunction}, {"+CFUN", Test, readFunctions},
		{"+CSQ", Bare, readStrength}, {"+CESQ", Bare, readQuality},
		{"+CGDCONT", Bare, readContexts}, {"+CGDCONT", Test, readRanges},
		{"+CGACT", Bare, readActivity}, {"+CGPADDR", Bare, readAddresses}, {"+CGCONTRDP", Bare, readParameters},
		{"+CGEV", Bare, readEvent},
		{"+COPS", Bare, readOperator}, {"+COPS", Test, readScan},
		{"+CCLK", Bare, clock("+CCLK", false, localTime)}, {"+CEER", Bare, readEnded},
	}
}

func identityTable() []entry {
	var out []entry
	for _, name := range []string{"+CGMI", "+GMI", "+CGMM", "+GMM", "+CGMR", "+GMR", "+QGMR"} {
		out = append(out, entry{name, Bare, readIdentity})
	}
	for _, name := range []string{"+CCID", "+ICCID", "+QCCID", "+ZGETICCID", "^ICCID", "#CCID", "!ICCID"} {
		out = append(out, entry{name, Bare, readICCID})
	}
	return append(out, entry{"+CGSN", Bare, readSerial}, entry{"+GSN", Bare, readSerial}, entry{"+CIMI", Bare, readIMSI},
		entry{"I", Bare, readAbout})
}

func quectelTable() []entry {
	return []entry{
		{"+QPINC", Bare, readQPINC}, {"+QLTS", Bare, clock("+QLTS", true, universal)},
		{"+QENG", Bare, readQENG}, {"+QCSQ", Bare, readQCSQ}, {"+QRSRP", Bare, readQRSRP},
		{"+QNETDEVCTL", Bare, readDevice}, {"+QNETDEVCTL", Test, offer("+QNETDEVCTL")},
		{"+QNETDEVSTATUS", Bare, readDeviceStatus}, {"+QNETDEVSTATUS", Test, offer("+QNETDEVSTATUS")},
		{"+QCFG", Bare, readUSBNet}, {"+QCFG", Test, readUSBNet},
	}
}

func simcomTable() []entry {
	return []entry{
		{"+SPIC", Bare, counts("+SPIC", 0, pin, puk, pin2, puk2)},
		{"+CPSI", Bare, readCPSI}, {"$MYCONFIG", Bare, readMyConfig}, {"$QCRMCALL", Bare, readCall},
	}
}

func otherTable() []entry {
	return []entry{
		// Sierra
		{"+CPINC", Bare, counts("+CPINC", 0, pin, pin2, puk, puk2)},
		{"!SCACT", Bare, readActivity}, {"!GSTATUS", Bare, readGSTATUS},
		// Telit
		{"#QSS", Bare, readQSS}, {"#PCT", Bare, counts("#PCT", 0, current)},
		{"#RFSTS", Bare, readRFSTS}, {"#SERVINFO", Bare, readSERVINFO}, {"#SWPKGV", Bare, readPackage},
		{"#ECM", Bare, readECM}, {"#ICMAUTOCONN", Bare, tied("#ICMAUTOCONN")},
		// u-blox
		{"+UPINCNT", Bare, counts("+UPINCNT", 0, pin, pin2, puk, puk2)},
		{"+UIPADDR", Bare, readUIPADDR}, {"+UBMCONF", Bare, readUBMCONF}, {"+UUSBCONF", Bare, readUUSBCONF},
		{"+UAUTHREQ", Test, readUAUTHREQ}, {"+UGCNTRD", Bare, readUGCNTRD},
		{"+UACT", Bare, readUACT}, {"+UACT", Test, readBandChoice},
		// Huawei; ^CPIN has the state, the tries of the code asked for, then PUK, PIN, PUK2, PIN2
		{"^CPIN", Bare, counts("^CPIN", 2, puk, pin, puk2, pin2)},
		{"^NDISSTATQRY", Bare, readDialup}, {"^NDISSTAT", Bare, readDialup}, {"^DHCP", Bare, readLease},
		{"^HCSQ", Bare, readHCSQ}, {"^SYSINFO", Bare, readSystem}, {"^SYSINFOEX", Bare, readSystem},
		{"^GETPORTMODE", Bare, readPortLayout},
		{"^TIME", Bare, clock("^TIME", false, localTime)}, {"^NWTIME", Bare, clock("^NWTIME", true, localTime)},
		// Fibocom, Intel XMM, MediaTek, Cinterion
		{"+GTRNDIS", Bare, tied("+GTRNDIS")}, {"+GTRNDIS", Test, offer("+GTRNDIS")},
		{"+GTCCINFO", Bare, readGTCCINFO},
		{"+XCESQ", Bare, readXCESQ}, {"+XACT", Bare, readXACT}, {"+XACT", Test, readXACTOffer},
		{"+XPINCNT", Bare, counts("+XPINCNT", 0, pin, pin2, puk, puk2)},
		{"+EPINC", Bare, counts("+EPINC", 0, pin, pin2, puk, puk2)},
		{"^SPIC", Bare, counts("^SPIC", 0, current)},
	}
}

// find looks the reader of a command up. A command without one for its test form has none.
func find(name string, form Form) (func(Reply) (any, error), bool) {
	if form != Test {
		form = Bare
	}
	for _, e := range table() {
		if e.name == name && e.form == form {
			return e.read, true
		}
	}
	return nil, false
}

// Commands lists what can be read, test forms with =?.
func Commands() []string {
	var out []string
	for _, e := range table() {
		out = append(out, e.name+string(e.form))
	}
	slices.SortFunc(out, func(a, b string) int {
		return strings.Compare(strings.TrimLeft(a, "+^#!$"), strings.TrimLeft(b, "+^#!$"))
	})
	return out
}
