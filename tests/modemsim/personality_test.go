package modemsim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// vendorDialogue is how a data window is opened and shut by the vendor's own commands. A step is a command and a pattern
// of its whole reply; before the first step the module is registered and no data flows.
type vendorDialogue struct {
	tooEarly, refusal string      // with the radio off
	on                [][2]string // then data flows
	proof             [][2]string // while it flows
	off               [][2]string // then it no longer does
	retries           [2]string   // the vendor's query of the PIN's tries
	signal            [2]string
}

const ok = "OK"

// dialogues stand by the personality's name; replies are those of vendors.md and the collection beside it.
func dialogues() map[string]vendorDialogue {
	return map[string]vendorDialogue{
		"quectel-ec25": {"AT+QNETDEVCTL=1,1,1", "3", [][2]string{{"AT+QNETDEVCTL=1,1,0", ok}},
			[][2]string{{"AT+QNETDEVCTL?", `\+QNETDEVCTL: 1,1,1,1\|OK`}}, [][2]string{{"AT+QNETDEVCTL=0,1,0", ok}},
			[2]string{"AT+QPINC", `\+QPINC: "SC",3,10\|OK`}, [2]string{"AT+QCSQ", `\+QCSQ: "LTE",-\d+,-\d+,\d+,-\d+\|OK`}},
		"quectel-unisoc": {"AT+QNETDEVCTL=1,1,1", "3", [][2]string{{"AT+QNETDEVSTATUS=1", `\+CME ERROR: 3`}, {"AT+QNETDEVCTL=?", `\+QNETDEVCTL: \(1-8\),\(0-3\),\(0,1\)\|OK`}, {"AT+QNETDEVCTL=1,1,0", ok}},
			[][2]string{{"AT+QNETDEVSTATUS=1", `(\+QNETDEVSTATUS: 1,1,"IP",0\|)?\+QNETDEVSTATUS: 10\.64\.0\.2,255\.255\.255\.0,10\.64\.0\.1,,[\d.]+,[\d.]+,+\|OK`}},
			[][2]string{{"AT+QNETDEVCTL=1,0,0", ok}, {"AT+QNETDEVSTATUS=1", `\+CME ERROR: 3`}},
			[2]string{"AT+QPINC?", `\+QPINC: "SC",3,10\|OK`}, [2]string{`AT+QENG="servingcell"`, `\+QENG: "servingcell","NOCONN","LTE",.*\|OK`}},
		"quectel-rm5xx": {"AT+QMAPWAC=1", "3", [][2]string{{"AT+QMAPWAC=1", ok}}, [][2]string{{`AT+QMAP="WWAN"`, `\+QMAP: "WWAN",1,1,"IPV4","10\.64\.0\.2".*OK`}},
			[][2]string{{"AT+QMAPWAC=0", ok}}, [2]string{"AT+QPINC?", `.*3,10\|OK`}, [2]string{"AT+QRSRP", `\+QRSRP: -\d+,-\d+,-\d+,-32768,LTE\|OK`}},
		"simcom-sim7600": {"AT$QCRMCALL=1,1", "3", [][2]string{{"AT$QCRMCALL=1,1", `\$QCRMCALL: 1, V4\|OK`}}, [][2]string{{"AT$QCRMCALL?", `\$QCRMCALL: 1, V4\|OK`}},
			[][2]string{{"AT$QCRMCALL=0,1", ok}, {"AT$QCRMCALL?", ok}}, [2]string{"AT+SPIC", `\+SPIC: 3,10,3,10\|OK`},
			[2]string{"AT+CPSI?", `\+CPSI: LTE,Online,001-01,.*,-100,-\d{3,4},-\d+,\d+\|OK`}},
		"simcom-a7670": {"AT+CGACT=1,1", "3", [][2]string{{"AT+DIALMODE?", `\+DIALMODE: 1\|OK`}, {"AT+DIALMODE=0", ok}}, [][2]string{{"AT+DIALMODE?", `\+DIALMODE: 0\|OK`},
			{`AT$MYCONFIG="usbnetmode"`, `\$MYCONFIG: "usbnetmode",0,1\|OK`}}, [][2]string{{"AT+DIALMODE=1", ok}},
			[2]string{"AT+SPIC", `\+SPIC: 3,10,3,10\|OK`}, [2]string{"AT+CPSI?", `.*,EUTRAN-BAND3,1850,5,0,\d+,\d+,255,\d+\|OK`}},
		"simcom-sim8200": {"AT+CGACT=1,1", "3", [][2]string{{"AT+CNWINFO=1", ok}, {"AT+CGACT=1,1", ok}}, [][2]string{{"AT+CGPADDR=1", `\+CGPADDR: 1,"10\.64\.0\.2"\|OK`}},
			[][2]string{{"AT+CGACT=0,1", ok}}, [2]string{"AT+SPIC", `\+SPIC: 3,10,3,10\|OK`}, [2]string{"AT+CESQ", `\+CESQ: 99,99,255,255,\d+,\d+,255,255,255\|OK`}},
		"sierra": {"AT!SCACT=1,1", "3", [][2]string{{"AT+CGATT=1", ok}, {"AT!SCACT=1,1", ok}}, [][2]string{{"AT!SCACT?", `!SCACT: 1,1\|OK`}, {"AT!USBCOMP=1,1,10D", `\+CME ERROR: 3`},
			{`AT!ENTERCND="WRONG"`, `\+CME ERROR: 3`}, {`AT!ENTERCND="A710"`, ok}, {"AT!USBCOMP=1,1,10D", ok}}, [][2]string{{"AT!SCACT=0,1", ok}, {"AT!SCACT?", `!SCACT: 1,0\|OK`}},
			[2]string{"AT+CPINC?", `\+CPINC: 3,3,10,10\|OK`}, [2]string{"AT!GSTATUS?", `!GSTATUS:.*RSRP \(dBm\):  -\d+.*\|OK`}},
		"sierra-em": {"AT!SCACT=1,1", "3", [][2]string{{"AT!SCACT=1,1", ok}}, [][2]string{{"AT!SCACT?", `!SCACT: 1,1\|OK`}, {"AT!PCSTATE?", `!PCSTATE: 1\|OK`}},
			[][2]string{{"AT!SCACT=0,1", ok}, {"AT!SCACT?", `!SCACT: 1,0\|OK`}},
			[2]string{"AT+CPINC?", `\+CPINC: 3,3,10,10\|OK`}, [2]string{"AT!GSTATUS?", `!GSTATUS:.*RSRP \(dBm\):  -\d+.*\|OK`}},
		"telit-ecm": {"AT#ECM=1,0", "3", [][2]string{{"AT#ECM=1,0", ok}}, [][2]string{{"AT#ECM?", `#ECM: 0,1\|OK`}, {"AT#ECM=1,0", `\+CME ERROR: 3`}}, [][2]string{{"AT#ECMD=0", ok}, {"AT#ECM?", `#ECM: 0,0\|OK`}},
			[2]string{"AT#PCT", `#PCT: 3\|OK`}, [2]string{"AT#RFSTS", `#RFSTS: "001 01",.*\|OK`}},
		"telit-ncm": {`AT+CGDATA="M-RAW_IP",1`, "3", [][2]string{{`AT+CGDATA="M-RAW_IP",1`, `\+CME ERROR: 3`}, {"AT#NCM=1,1", ok}, {"AT+CGACT=1,1", ok}, {`AT+CGDATA="M-RAW_IP",1`, "CONNECT"}},
			[][2]string{{"AT+CGCONTRDP=1", `\+CGCONTRDP: 1,5,"internet.*\|OK`}}, [][2]string{{"AT+CGACT=0,1", ok}}, [2]string{"AT#PCT", `#PCT: 3\|OK`}, [2]string{"AT#SERVINFO", `#SERVINFO: .*\|OK`}},
		"telit-icm": {"AT#ICMAUTOCONN=1,1", "3", [][2]string{{"AT#ICMAUTOCONN=1,1", ok}}, [][2]string{{"AT#ICMAUTOCONN?", `#ICMAUTOCONN: 1,1\|OK`}}, [][2]string{{"AT#ICMAUTOCONN=0,1", ok}},
			[2]string{"AT#PCT", `#PCT: 3\|OK`}, [2]string{"AT+CESQ", `\+CESQ: .*\|OK`}},
		"ublox-router": {"AT+CGACT=1,1", "3", [][2]string{{"AT+UBMCONF?", `\+UBMCONF: 1\|OK`}, {"AT+UIPADDR=1", `\+CME ERROR: 3`}, {"AT+CGACT=1,1", ok}},
			[][2]string{{"AT+UIPADDR=1", `\+UIPADDR: 1,"ccinet0","192\.168\.1\.100","255\.255\.255\.0","",""\|OK`}}, [][2]string{{"AT+CGACT=0,1", ok}},
			[2]string{"AT+UPINCNT", `\+UPINCNT: 3,3,10,10\|OK`}, [2]string{"AT+CESQ", `\+CESQ: 99,99,255,255,\d+,\d+\|OK`}},
		"ublox-bridge": {"AT+CGACT=1,1", "3", [][2]string{{"AT+UBMCONF?", `\+UBMCONF: 2\|OK`}, {"AT+CGACT=1,1", ok}}, [][2]string{{"AT+CGCONTRDP=1", `.*"10\.64\.0\.2".*\|OK`}},
			[][2]string{{"AT+CGACT=0,1", ok}}, [2]string{"AT+UPINCNT", `\+UPINCNT: 3,3,10,10\|OK`}, [2]string{"AT+CESQ", `\+CESQ: .*\|OK`}},
		"huawei": {`AT^NDISDUP=1,1,"internet"`, "3", [][2]string{{"AT^DHCP?", `\+CME ERROR: 3`}, {"AT^CURC=0", ok}, {`AT^NDISDUP=1,1,"internet"`, ok}},
			[][2]string{{"AT^NDISSTATQRY?", `\^NDISSTATQRY: 1,,,"IPV4",0,,,"IPV6"\|OK`}, {"AT^DHCP?", `\^DHCP:0200400a,f8ffffff,0100400a,.*\|OK`}},
			[][2]string{{"AT^NDISDUP=1,0", ok}, {"AT^NDISSTATQRY?", `\^NDISSTATQRY: 0,,,"IPV4",0,,,"IPV6"\|OK`}},
			[2]string{"AT^CPIN?", `\^CPIN: READY,,10,3,10,3\|OK`}, [2]string{"AT^HCSQ?", `\^HCSQ: "LTE",\d+,\d+,\d+,\d+\|OK`}},
		"fibocom-gtrndis": {"AT+GTRNDIS=1,1", "3", [][2]string{{"AT+CGAUTH=1,0", `\+CME ERROR: 4`}, {"AT+GTRNDIS?", `\+GTRNDIS: 0\|OK`}, {"AT+GTRNDIS=1,1", ok}},
			[][2]string{{"AT+GTRNDIS?", `\+GTRNDIS: 1,1,"10\.64\.0\.2","[\d.]+","[\d.]+"\|OK`}}, [][2]string{{"AT+GTRNDIS=0,1", ok}},
			[2]string{"AT+CPINR", `\+CPINR: SIM PIN,3,3\|.*OK`}, [2]string{"AT+GTCCINFO?", `\+GTCCINFO:\|LTE service cell:\|1,4,001,01,.*\|OK`}},
		"fibocom-fm350": {"AT+CGACT=1,1", "3", [][2]string{{"AT+CGACT=1,1", `\+CME ERROR: 5847`}, {"AT+CGACT=1,1", ok}}, [][2]string{{"AT+CGPADDR=1", `\+CGPADDR: 1,"10\.64\.0\.2"\|OK`}, {"AT+GTDNS=1", `\+GTDNS: 1,.*\|OK`}},
			[][2]string{{"AT+CGACT=0,1", ok}}, [2]string{"AT+EPINC?", `\+EPINC: 3, 3, 10, 10\|OK`}, [2]string{"AT+CESQ", `\+CESQ: (\d+,){8}255\|OK`}},
		"fibocom-l850": {`AT+CGDATA="M-RAW_IP",0`, "3", [][2]string{{`AT+CGDCONT=0,"IP","internet"`, ok}, {`AT+XDATACHANNEL=1,1,"/USBCDC/0","/USBHS/NCM/0",2,0`, `\+CME ERROR: 3`},
			{`AT+CGDATA="M-RAW_IP",0`, "CONNECT"}, {`AT+XDATACHANNEL=1,1,"/USBCDC/0","/USBHS/NCM/0",2,0`, ok}}, [][2]string{{"AT+CGACT?", `\+CGACT: 0,1\|\+CGACT: 1,0\|OK`}},
			[][2]string{{"AT+XDATACHANNEL=0", ok}}, [2]string{"AT+XPINCNT", `\+XPINCNT: 3, 3, 10, 10\|OK`}, [2]string{"AT+XCESQ?", `\+XCESQ: 0,99,99,255,255,\d+,\d+,-?\d+\|OK`}},
		"generic": {"AT+CGACT=1,1", "3", [][2]string{{"AT+CGACT=1,1", ok}}, [][2]string{{"AT+CGPADDR=1", `\+CGPADDR: 1,"10\.64\.0\.2"\|OK`}}, [][2]string{{"AT+CGACT=0,1", ok}},
			[2]string{"AT+CPINR", `\+CPINR: SIM PIN,3,3\|.*OK`}, [2]string{"AT+CSQ", `\+CSQ: \d+,99\|OK`}},
	}
}

// TestPersonalities: every module opens and shuts by its vendor's commands, no sooner and no other way.
func TestPersonalities(t *testing.T) {
	known := dialogues()
	for _, p := range modemsim.Personalities() {
		d, there := known[p.Name]
		if !there {
			t.Errorf("no dialogue for %s", p.Name)
			continue
		}
		t.Run(p.Name, func(t *testing.T) { d.play(t, p) })
	}
}

func (d vendorDialogue) play(t *testing.T, p modemsim.Personality) {
	sim := modemsim.New(modemsim.Config{Personality: p, Function: 4})
	h := attachAny(t, sim)
	h.ask("AT+CMEE=1")
	if p.ZeroContext {
		h.match(`AT+CGDCONT=0,"IP","internet"`, ok)
	} else {
		h.match(`AT+CGDCONT=0,"IP","internet"`, `\+CME ERROR: 50`)
	}
	h.match(d.tooEarly, `\+CME ERROR: `+d.refusal)
	h.match(d.retries[0], d.retries[1])
	h.ask("AT+CFUN=1")
	deadline := time.Now().Add(3 * time.Second)
	for !strings.Contains(h.ask("AT+CEREG?"), ",1") {
		if time.Now().After(deadline) {
			t.Fatal("it does not register")
		}
	}
	if sim.DataActive() {
		t.Error("data flows before the vendor's commands")
	}
	h.match(d.signal[0], d.signal[1])
	h.all(d.on)
	if !sim.DataActive() {
		t.Errorf("after %v no data flows", d.on)
	}
	h.all(d.proof)
	h.all(d.off)
	if sim.DataActive() {
		t.Errorf("after %v data flows", d.off)
	}
	h.ask("AT+CFUN=4")
	if sim.RadioOn() {
		t.Error("the radio stays on")
	}
}

// attachAny attaches to a module that may say nothing about its card, and has it answer.
func attachAny(t *testing.T, sim *modemsim.Sim) *host {
	t.Helper()
	h := dialog(t, sim)
	for answered := false; !answered; {
		answered = h.try("ATE0", 50*time.Millisecond)
	}
	for deadline := time.Now().Add(3 * time.Second); strings.Contains(h.ask("AT+CIMI"), "ERROR"); {
		if time.Now().After(deadline) {
			t.Fatal("the card does not appear")
		}
	}
	return h
}

func (h *host) all(steps [][2]string) {
	h.t.Helper()
	for _, s := range steps {
		h.match(s[0], s[1])
	}
}

// match compares a whole reply with a pattern.
func (h *host) match(cmd, pattern string) {
	h.t.Helper()
	if got := h.ask(cmd); !regexp.MustCompile("^(?:" + pattern + ")$").MatchString(got) {
		h.t.Errorf("%s → %q, want %s", cmd, got, pattern)
	}
}

// TestPortRoles compares each module's AT interface with the published rules, where the collection of them is present.
func TestPortRoles(t *testing.T) {
	text, err := os.ReadFile("../../../shared/modem/corpus/usb_port_roles.json")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("skipped: the collection of port roles is not here")
	}
	var rules []struct {
		Response struct {
			Vendor    string `json:"usb_vid"`
			Product   string `json:"usb_pid"`
			Interface string `json:"interface"`
		} `json:"response"`
		Expect map[string]any `json:"expect"`
	}
	if err != nil || json.Unmarshal(text, &rules) != nil {
		t.Fatalf("read the port roles: %v", err)
	}
	at := map[string]bool{}
	for _, r := range rules {
		if r.Expect["port_type_at_primary"] == "1" {
			at[r.Response.Vendor+":"+r.Response.Product+" "+r.Response.Interface] = true
		}
	}
	for _, p := range modemsim.Personalities() {
		if key := fmt.Sprintf("%s %02d", p.USB, p.ATInterface); p.USB != "" && !at[key] {
			t.Errorf("%s: no rule has an AT port at %s", p.Name, key)
		}
	}
}

// TestEveryProfileHasAModule: no profile of the driver is without a module that it can be tried on.
func TestEveryProfileHasAModule(t *testing.T) {
	met := map[string]string{}
	for _, p := range modemsim.Personalities() {
		name := modem.ProfileOf(p.Manufacturer, p.Model).Name
		if p.Name == "ublox-bridge" { // told from the router by +UBMCONF only
			name = "ublox-bridge"
		}
		if met[name] != "" {
			t.Errorf("%s and %s are both of profile %s", met[name], p.Name, name)
		}
		met[name] = p.Name
	}
	for _, p := range modem.Profiles() {
		if met[p.Name] == "" {
			t.Errorf("no module has the profile %s", p.Name)
		}
	}
}

// TestStandaloneNR: with 5G alone only +C5GREG tells the registration (as captured with an RM500U).
func TestStandaloneNR(t *testing.T) {
	p, _ := modemsim.PersonalityOf("quectel-unisoc")
	h := attachAny(t, modemsim.New(modemsim.Config{Personality: p, Network: modemsim.Network{Access: 11}}))
	h.ask("AT+C5GREG=1")
	eventually(t, "registration", func() bool { return strings.Contains(h.ask("AT+C5GREG?"), "+C5GREG: 1,1") })
	h.match("AT+CGREG?", `\+CGREG: 0,0\|OK`)
	h.match("AT+COPS?", `\+COPS: 0,0,"Airlock Mobile",11\|OK`)
	h.match(`AT+QENG="servingcell"`, `\+QENG: "servingcell","NOCONN","NR5G-SA",.*\|OK`)
	h.match("AT+QCSQ", `\+QCSQ: "NR5G",-\d+,-?\d+,-\d+\|OK`)
}
