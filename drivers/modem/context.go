package modem

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"airlock/drivers/modem/reply"
)

// values fill the holes of a profile's template.
type values map[string]string

// fillIn fills a template; holes stand in braces.
func fillIn(template string, v values) string {
	var pairs []string
	for name, value := range v {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(template)
}

// attachCID is the context that LTE makes of its attachment (27.007 §10.1.0).
const attachCID = 1

// defineContexts says which network to attach to and which one the data context joins, and who we are. Every write lives in
// the module's flash, so one is made only where the module has something else.
func (m *Modem) defineContexts(ctx context.Context) error {
	if err := m.cfg.checkContext(); err != nil {
		return err
	}
	if err := m.chooseAPN(ctx); err != nil {
		return err
	}
	lines, err := m.command(ctx, quick, "+CGDCONT?")
	if fatal(err) {
		return err
	}
	defined, _ := reply.ParseContexts(lines)
	if err := m.defineContext(ctx, defined, m.cfg.CID, m.apn); err != nil {
		return err
	}
	if err := m.defineAttach(ctx, defined); err != nil {
		return err
	}
	return m.authenticate(ctx)
}

// checkContext refuses what would end a quoted text, or the command.
func (c Config) checkContext() error {
	for _, text := range [...]struct{ what, value string }{
		{"APN", c.APN}, {"attach APN", c.AttachAPN}, {"user name", c.User}, {"password", c.Password},
	} {
		if strings.ContainsFunc(text.value, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) ||
			strings.HasSuffix(text.what, "APN") && strings.ContainsAny(text.value, ",; ") {
			shown := text.value
			if text.what == "password" {
				shown = "…"
			}
			return lasting(NoNetwork, nil, "the %s %q holds characters that it cannot have: correct it in the configuration", text.what, shown)
		}
	}
	switch c.Type {
	case "IP", "IPV6", "IPV4V6":
		return nil
	}
	return lasting(NoNetwork, nil, "the type %q of the data context is not one of IP, IPV6, IPV4V6: correct it in the configuration", c.Type)
}

// chooseAPN takes the configured APN, else the one that the SIM's operator is known by; else the module's stays.
func (m *Modem) chooseAPN(ctx context.Context) error {
	if m.apn = m.cfg.APN; m.apn != "" {
		return nil
	}
	imsi, err := m.readIMSI(ctx)
	m.apn = apnOf(imsi)
	return err
}

// defineContext writes one context, unless it is as wanted.
func (m *Modem) defineContext(ctx context.Context, defined reply.Contexts, cid int, apn string) error {
	for _, c := range defined.List {
		if c.CID == cid && c.Type == pdpType(m.cfg.Type) && (apn == "" || reply.SameAPN(c.Name(), apn)) {
			return nil
		}
		if c.CID == cid && apn == "" { // only the type differs
			apn = c.Name()
		}
	}
	if apn == "" && cid == attachCID && m.cfg.Type == "IP" {
		return nil // every module has a first context of its own
	}
	m.wrote(1)
	_, err := m.command(ctx, quick, fmt.Sprintf(`+CGDCONT=%d,"%s","%s"`, cid, m.cfg.Type, apn))
	if err != nil && !fatal(err) {
		return fault(NoNetwork, err, "the modem refuses the APN %q (%s): correct it in the configuration", apn, m.cfg.Type)
	}
	return err
}

// pdpType is the configured type as modules' contexts are read: "IP" and "IPV4" are one.
func pdpType(configured string) string {
	if configured == "IP" {
		return "IPV4"
	}
	return configured
}

// defineAttach writes the APN of the attachment: by the family's own command, or as context 1.
func (m *Modem) defineAttach(ctx context.Context, defined reply.Contexts) error {
	apn := m.cfg.AttachAPN
	switch {
	case m.profile.Attach != nil:
		if apn == "" {
			apn = m.apn
		}
		return m.attachOwn(ctx, apn)
	case apn == "" || m.cfg.CID == attachCID:
		return nil
	}
	return m.defineContext(ctx, defined, attachCID, apn)
}

// attachOwn uses the family's command, unless its read form already names the APN.
func (m *Modem) attachOwn(ctx context.Context, apn string) error {
	if apn == "" && m.cfg.User == "" {
		return nil
	}
	name, _, _ := strings.Cut(m.profile.Attach.Command, "=")
	lines, err := m.command(ctx, quick, name+"?")
	if fatal(err) {
		return err
	}
	if m.cfg.User == "" && strings.Contains(strings.ToLower(strings.Join(lines, " ")), `"`+strings.ToLower(apn)+`"`) {
		return nil
	}
	return m.writeOnce(ctx, *m.profile.Attach, m.contextValues(apn), "the modem refuses the attach APN %q: correct it in the configuration", apn)
}

// authenticate writes user and password where they are configured; no module tells them back.
func (m *Modem) authenticate(ctx context.Context) error {
	if m.profile.Auth == nil || m.cfg.User == "" && m.cfg.Password == "" && m.cfg.Auth == "" {
		return nil
	}
	return m.writeOnce(ctx, *m.profile.Auth, m.contextValues(m.apn), "the modem refuses the user name of the APN %q: correct modem.user and modem.auth", m.apn)
}

// contextValues are what templates of contexts may hold.
func (m *Modem) contextValues(apn string) values {
	return values{
		"cid": strconv.Itoa(m.cfg.CID), "apn": apn, "type": m.typeFor(m.profile.Attach),
		"user": m.cfg.User, "password": m.cfg.Password, "auth": strconv.Itoa(m.authCode()),
	}
}

// typeFor: the attach templates take the standard's words, Quectel's +QICSGP a number.
func (m *Modem) typeFor(attach *Step) string {
	if attach != nil {
		return m.cfg.Type
	}
	return strconv.Itoa(map[string]int{"IP": 1, "IPV6": 2, "IPV4V6": 3}[m.cfg.Type])
}

// authCode is the family's number: 0 none, 1 PAP, 2 CHAP with all of them.
func (m *Modem) authCode() int {
	switch {
	case m.cfg.Auth == "pap":
		return 1
	case m.cfg.Auth == "chap":
		return 2
	case m.cfg.Auth == "none" || m.cfg.User == "" && m.cfg.Password == "":
		return 0
	case m.profile.AuthAny != 0:
		return m.profile.AuthAny
	}
	return 2 // CHAP, which does not send the password itself
}

// writeOnce sends what cannot be read back, unless the session has sent the same since it opened the port.
func (m *Modem) writeOnce(ctx context.Context, step Step, v values, refused string, args ...any) error {
	command := fillIn(step.Command, v)
	if strings.Contains(m.proved, command+"\n") {
		return nil
	}
	m.wrote(1)
	_, err := m.command(ctx, step.Within, command)
	switch {
	case fatal(err):
		return err
	case err != nil && !errors.Is(err, context.DeadlineExceeded):
		return fault(NoNetwork, err, refused, args...)
	}
	m.proved += command + "\n"
	return nil
}
