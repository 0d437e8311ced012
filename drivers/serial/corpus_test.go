package serial

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"airlock/drivers/sysfs"
)

// TestCorpusRoles reads the shared collection of port roles, which lies beside the repository where the project is developed.
func TestCorpusRoles(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "modem", "corpus", "usb_port_roles.json"))
	if err != nil {
		t.Skipf("skipped: the collection of port roles is not here (%v)", err)
	}
	var cases []struct {
		Response struct {
			Vendor    string `json:"usb_vid"`
			Product   string `json:"usb_pid"`
			Interface string `json:"interface"`
			Class     string `json:"if_class"`
			Subclass  string `json:"if_subclass"`
			Protocol  string `json:"if_protocol"`
			Subsystem string `json:"subsystem"`
		}
		Expect map[string]string
		Source string
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	roles := map[string]Role{"port_type_at_primary": RoleAT, "port_type_at_secondary": RoleAT2, "port_type_at_ppp": RolePPP,
		"port_type_gps": RoleGPS, "port_type_qcdm": RoleQCDM, "port_type_audio": RoleAudio, "port_ignore": RoleIgnore}
	table, err := parseRoles(rolesText)
	if err != nil {
		t.Fatal(err)
	}
	read, foreign := 0, 0
	for _, c := range cases {
		r, port := c.Response, false
		for key := range c.Expect {
			want, ok := roles[key]
			if !ok || r.Subsystem != "tty" {
				continue
			}
			port = true
			usb := sysfs.USB{Vendor: strings.ToLower(r.Vendor), Product: strings.ToLower(r.Product), Interface: strings.ToLower(r.Interface),
				Class: r.Class, Subclass: r.Subclass, Protocol: r.Protocol}
			got, known := table.role(usb)
			switch {
			case !known:
				t.Errorf("role(%+v) is not listed, want %q (%s)", usb, want, c.Source)
			case got != want:
				t.Errorf("role(%+v) = %q, want %q (%s)", usb, got, want, c.Source)
			default:
				read++
			}
		}
		if !port {
			foreign++
		}
	}
	if read < 590 {
		t.Errorf("%d roles read, want at least 590", read)
	}
	t.Logf("%d roles read; %d rules are about something else than a serial port's role", read, foreign)
}
