package serial

import (
	_ "embed"
	"fmt"
	"strings"

	"airlock/drivers/sysfs"
)

//go:embed roles.txt
var rolesText string

// Role is what a port is for.
type Role string

// Roles in roles.txt.
const (
	RoleAT      Role = "at"
	RoleAT2     Role = "at2"
	RolePPP     Role = "ppp"
	RoleGPS     Role = "gps"
	RoleQCDM    Role = "qcdm"
	RoleAudio   Role = "audio"
	RoleIgnore  Role = "ignore"
	RoleUnknown Role = "" // not listed: found out by asking
)

// roleTable maps "vid:pid" to the roles by interface ("02") or class ("ff/01/02").
type roleTable map[string]map[string]Role

// parseRoles reads the form that roles.txt explains.
func parseRoles(text string) (roleTable, error) {
	table := roleTable{}
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		roles := map[string]Role{}
		for _, field := range fields[1:] {
			where, role, ok := strings.Cut(field, "=")
			if !ok || where == "" {
				return nil, fmt.Errorf("roles line %d: %q is not interface=role", n+1, field)
			}
			switch r := Role(role); r {
			case RoleAT, RoleAT2, RolePPP, RoleGPS, RoleQCDM, RoleAudio, RoleIgnore:
				roles[where] = r
			default:
				return nil, fmt.Errorf("roles line %d: unknown role %q", n+1, role)
			}
		}
		table[fields[0]] = roles
	}
	return table, nil
}

// role looks a USB interface up; known tells whether the product (or its vendor) is in the table at all.
func (t roleTable) role(u sysfs.USB) (r Role, known bool) {
	for _, key := range [...]string{u.Vendor + ":" + u.Product, u.Vendor + ":*"} {
		roles, ok := t[key]
		if !ok {
			continue
		}
		known = true
		for _, where := range [...]string{u.Interface, u.Class + "/" + u.Subclass + "/" + u.Protocol} {
			if r, ok := roles[where]; ok {
				return r, true
			}
		}
	}
	return RoleUnknown, known
}
