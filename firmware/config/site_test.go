package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"airlock/deployd/api"
	"airlock/netd/windows"
)

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5WYCBgDrMG6CEf9OZUzZFfhfvaY6EQyJ7JWmYWrn0K"

const goodSite = `# plant 7
lan:
  interface: pci-0000:00:03.0
  address: 10.90.0.2/24
  gateway: 10.90.0.1
targets:
  - name: web-1
    address: 10.90.0.11
    user: deploy
    host_key: ` + hostKey + `
    ports: [2019, 8080]
  - name: web-2
    address: 10.77.0.12
    port: 2222
    user: deploy
    host_key: ` + hostKey + ` root@web-2
`

func TestParseSite(t *testing.T) {
	got, err := ParseSite("site.yaml", []byte(goodSite))
	if err != nil {
		t.Fatal(err)
	}
	want := Site{
		Doors: windows.Site{
			Interface: "pci-0000:00:03.0", Address: "10.90.0.2/24", Gateway: "10.90.0.1",
			Allow: []string{"10.77.0.12:2222", "10.90.0.11:2019", "10.90.0.11:22", "10.90.0.11:8080"},
		},
		Courier: api.Site{Targets: []api.Target{
			{Name: "web-1", Address: "10.90.0.11", Port: 22, User: "deploy", HostKey: hostKey},
			{Name: "web-2", Address: "10.77.0.12", Port: 2222, User: "deploy", HostKey: hostKey + " root@web-2"},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("ParseSite() = %+v,\nwant %+v", got, want)
	}
}

// TestSiteAsPasted takes what a serial terminal makes of a file: CR LF, and no end of line at the end.
func TestSiteAsPasted(t *testing.T) {
	pasted := strings.TrimSuffix(strings.ReplaceAll(goodSite, "\n", "\r\n"), "\r\n")
	got, err := ParseSite("site.yaml", []byte(pasted))
	want, _ := ParseSite("site.yaml", []byte(goodSite))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ParseSite() = %+v, %v, want %+v", got, err, want)
	}
}

// TestBadSite changes one thing in a good file: old becomes new, and the error must be want in full.
func TestBadSite(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key", "  gateway:", "  gatway:",
			"site.yaml:5: lan.gatway: unknown key; expected one of: interface, address, gateway\n     5 |   gatway: 10.90.0.1"},
		{"key twice", "    user: deploy\n    host_key: " + hostKey + "\n", "    user: deploy\n    user: root\n    host_key: " + hostKey + "\n",
			"site.yaml:10: targets[0].user: given twice; expected once, as in line 9\n    10 |     user: root"},
		{"text for a number", "port: 2222", "port: ssh",
			"site.yaml:14: targets[1].port: is text \"ssh\"; expected a whole number\n    14 |     port: ssh"},
		{"number for text", "name: web-1", "name: 7",
			"site.yaml:7: targets[0].name: is \"7\"; expected text; put quotes around it if it looks like a number\n     7 |   - name: 7"},
		{"port out of range", "port: 2222", "port: 99999",
			"site.yaml:14: targets[1].port: is 99999; expected a TCP port from 1 to 65535\n    14 |     port: 99999"},
		{"port zero", "port: 2222", "port: 0",
			"site.yaml:14: targets[1].port: is 0; expected a TCP port from 1 to 65535\n    14 |     port: 0"},
		{"health port", "[2019, 8080]", "[2019, -1]",
			"site.yaml:11: targets[0].ports[1]: is -1; expected a TCP port from 1 to 65535\n    11 |     ports: [2019, -1]"},
		{"no length", "10.90.0.2/24", "10.90.0.2",
			"site.yaml:4: lan.address: is \"10.90.0.2\"; expected an address with the length of its network, such as 10.90.0.2/24\n     4 |   address: 10.90.0.2"},
		{"address of the network", "10.90.0.2/24", "10.90.0.0/24",
			"site.yaml:4: lan.address: is 10.90.0.0/24, which names the whole network; expected the address of a host in it\n     4 |   address: 10.90.0.0/24"},
		{"broadcast", "10.90.0.2/24", "10.90.0.255/24",
			"site.yaml:4: lan.address: is 10.90.0.255/24, which names the whole network; expected the address of a host in it\n     4 |   address: 10.90.0.255/24"},
		{"gateway elsewhere", "10.90.0.1\n", "10.91.0.1\n",
			"site.yaml:5: lan.gateway: is 10.91.0.1, which is outside of 10.90.0.0/24; expected a router on the LAN\n     5 |   gateway: 10.91.0.1"},
		{"target beyond, no gateway", "  gateway: 10.90.0.1\n", "",
			"site.yaml:12: targets[1].address: is 10.77.0.12, which is outside of the LAN 10.90.0.0/24; expected one inside, or lan.gateway\n    12 |     address: 10.77.0.12"},
		{"target is a name", "address: 10.90.0.11", "address: web-1.plant.local",
			"site.yaml:8: targets[0].address: is \"web-1.plant.local\"; expected the IP address of a server, not a name: the node asks no name server\n     8 |     address: web-1.plant.local"},
		{"target is the node", "address: 10.90.0.11", "address: 10.90.0.2",
			"site.yaml:8: targets[0].address: is the node's own address; expected that of a server\n     8 |     address: 10.90.0.2"},
		{"same name", "web-2\n    address", "web-1\n    address",
			"site.yaml:12: targets[1].name: is \"web-1\" as for targets[0]; expected a name of its own\n    12 |   - name: web-1"},
		{"same server", "10.77.0.12\n    port: 2222", "10.90.0.11",
			"site.yaml:13: targets[1].address: and port are those of targets[0]; expected another server\n    13 |     address: 10.90.0.11"},
		{"no host key", "    host_key: " + hostKey + "\n", "",
			"site.yaml:7: targets[0].host_key: missing; expected a line such as ssh-ed25519 AAAA..., as `ssh-keyscan` prints it without the host\n     7 |   - name: web-1"},
		{"cut host key", hostKey + "\n    ports", hostKey[:40] + "\n    ports",
			"site.yaml:10: targets[0].host_key: is \"ssh-ed25519 AAAAC3NzaC1lZDI1NT...\", which is no public key; expected a line such as ssh-ed25519 AAAA..., as `ssh-keyscan` prints it without the host\n    10 |     host_key: " + hostKey[:40]},
		{"host before the key", hostKey + "\n    ports", "web-1 " + hostKey + "\n    ports",
			"site.yaml:10: targets[0].host_key: begins with \"web-1\"; expected a line such as ssh-ed25519 AAAA..., as `ssh-keyscan` prints it without the host\n    10 |     host_key: web-1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5WYCBgDrMG6C..."},
		{"user with an option", "user: deploy\n    host_key: " + hostKey + "\n    ports", "user: -oProxyCommand=x\n    host_key: " + hostKey + "\n    ports",
			"site.yaml:9: targets[0].user: is \"-oProxyCommand=x\"; expected the name of the user who takes deployments on the server\n     9 |     user: -oProxyCommand=x"},
		{"an alias", "name: web-1", "name: &n web-1",
			"site.yaml:7: targets[0].name: is an anchor or alias (& or *); expected text; put quotes around it if it looks like a number\n     7 |   - name: &n web-1"},
		{"a second document", "targets:\n", "---\ntargets:\n",
			"site.yaml:7: a second document begins; expected one, without a line of ---\n     7 | targets:"},
		{"targets as a mapping", "  - name: web-1\n    address: 10.90.0.11\n", "  name: web-1\n",
			""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(goodSite, c.old) {
				t.Fatalf("the good file does not hold %q", c.old)
			}
			_, err := ParseSite("site.yaml", []byte(strings.Replace(goodSite, c.old, c.new, 1)))
			var fe *FileError
			if !errors.As(err, &fe) {
				t.Fatalf("ParseSite() = %v, want a *FileError", err)
			}
			if c.want != "" && err.Error() != c.want {
				t.Errorf("ParseSite():\n%s\nwant:\n%s", err, c.want)
			}
			if fe.Problems[0].Line == 0 {
				t.Errorf("no line in %s", err)
			}
		})
	}
}

func TestEverythingWrongAtOnce(t *testing.T) {
	_, err := ParseSite("s.yaml", []byte("lan:\n  address: x\ntargets:\n- name: a b\n  port: 0\n"))
	var fe *FileError
	if !errors.As(err, &fe) {
		t.Fatalf("ParseSite() = %v, want a *FileError", err)
	}
	var paths []string
	for _, p := range fe.Problems {
		paths = append(paths, fmt.Sprint(p.Line, " ", p.Path))
	}
	want := "2 lan.address, 4 targets[0].name, 4 targets[0].user, 5 targets[0].port, 4 targets[0].host_key, 4 targets[0].address"
	if got := strings.Join(paths, ", "); got != want {
		t.Errorf("problems %s,\nwant %s", got, want)
	}
}

func TestEmptySiteSaysWhatIsMissing(t *testing.T) {
	for _, text := range []string{"", "\n\n", "# nothing\n", "null\n", "---\n"} {
		_, err := ParseSite("site.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), "lan.address: missing") || !strings.Contains(err.Error(), "targets: missing") {
			t.Errorf("ParseSite(%q) = %v, want both parts missing", text, err)
		}
	}
}

func TestTooBig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.yaml")
	if err := os.WriteFile(path, []byte(goodSite+strings.Repeat("# filler\n", MaxSize/9)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSite(path); err == nil || !strings.Contains(err.Error(), "expected at most 65536") {
		t.Errorf("LoadSite() = %v, want the limit named", err)
	}
}

// FuzzParseSite: whatever is pasted, the answer is a site that holds together or a *FileError.
func FuzzParseSite(f *testing.F) {
	f.Add([]byte(goodSite))
	f.Add([]byte("lan: {address: 10.0.0.1/8}\ntargets: [{name: a}]"))
	f.Add([]byte("a: &a [*a]\nb: !!binary x\n<<: *a\n? k\n: v\n"))
	f.Add([]byte("targets:\n\t- x\n--- \n...\n%YAML 9"))
	f.Fuzz(func(t *testing.T, data []byte) {
		site, err := ParseSite("site.yaml", data)
		if err != nil {
			var fe *FileError
			if !errors.As(err, &fe) || len(fe.Problems) == 0 {
				t.Fatalf("ParseSite(%q) = %v, want a *FileError with a problem", data, err)
			}
			return
		}
		if len(site.Courier.Targets) == 0 || len(site.Doors.Allow) < 1 || site.Doors.Address == "" {
			t.Fatalf("ParseSite(%q) = %+v without an error", data, site)
		}
	})
}
