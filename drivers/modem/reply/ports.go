package reply

import "strings"

// PortLayout is Huawei's ^GETPORTMODE: what the USB interfaces are, in their order.
type PortLayout struct {
	Ports []string `json:"ports"` // PCUI (commands), MODEM, NET, DIAG, CDROM, SD, GPS, BT; others as told
}

func readPortLayout(r Reply) (any, error) {
	for _, line := range r.Lines {
		rest, ok := after(line, "^GETPORTMODE")
		if !ok {
			continue
		}
		p := PortLayout{[]string{}}
		for _, f := range fields(rest)[1:] { // before the first comma stand type and maker
			name, _, ok := strings.Cut(strings.ToUpper(f.text), ":")
			if !ok {
				continue
			}
			switch name {
			case "MDM":
				name = "MODEM"
			case "NDIS", "NCM", "ECM", "RNDIS":
				name = "NET"
			case "MASS", "MASS_TWO":
				name = "SD"
			}
			p.Ports = append(p.Ports, name)
		}
		if len(p.Ports) > 0 {
			return p, nil
		}
	}
	return nil, unreadable("^GETPORTMODE", r.Lines)
}
