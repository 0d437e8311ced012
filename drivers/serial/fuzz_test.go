package serial

import (
	"strings"
	"testing"

	"airlock/drivers/sysfs"
)

// FuzzRoles: a table of roles is read or refused with its line, and what was read gives known roles only.
func FuzzRoles(f *testing.F) {
	f.Add("2c7c:0125 02=at 03=at2\n# comment\n12d1:* ff/01/01=ppp", "2c7c", "0125", "02")
	f.Add("x =at", "", "", "")
	f.Add("1:2 ff=", "1", "2", "ff")
	f.Fuzz(func(t *testing.T, text, vendor, product, iface string) {
		table, err := parseRoles(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "roles line ") {
				t.Errorf("parseRoles = %v, want the line named", err)
			}
			return
		}
		switch r, known := table.role(sysfs.USB{Vendor: vendor, Product: product, Interface: iface}); r {
		case RoleAT, RoleAT2, RolePPP, RoleGPS, RoleQCDM, RoleAudio, RoleIgnore:
			if !known {
				t.Errorf("role %q of a product that is not in the table", r)
			}
		case RoleUnknown:
		default:
			t.Errorf("role %q", r)
		}
	})
}
