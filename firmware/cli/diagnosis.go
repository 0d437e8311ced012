package cli

import (
	"fmt"

	"airlock/deployd/api"
	"airlock/deployd/release"
	"airlock/netd/windows"
)

// Problem is the first thing that stands in the way, and what to do about it. What comes later
// depends on it, so that one is enough.
type Problem struct {
	Check  string `json:"check"`  // power, netd, fault, guard, deployd, modem, sim, enrolment, site, lan, deployment
	Text   string `json:"text"`   // what is wrong
	Remedy string `json:"remedy"` // what to do
}

// FirstProblem goes through the checks in the order in which they depend on each other and returns
// the first that fails; nil when none does. A door that is shut and a radio that is off are no
// problems: a node is meant to be dark most of the time.
func FirstProblem(s Snapshot) *Problem {
	for _, check := range []func(Snapshot) *Problem{daemons, fault, lockedDown, watch, module, membership, site, lastDeployment} {
		if p := check(s); p != nil {
			return p
		}
	}
	return nil
}

func daemons(s Snapshot) *Problem {
	const remedy = "after power-up this takes up to a minute; if it lasts, switch the node off and on, then report it"
	switch {
	case s.Netd == nil:
		return &Problem{"netd", "the doorkeeper, netd, " + silence(s.NetdErr), remedy}
	case s.Deployd == nil:
		return &Problem{"deployd", "the courier, deployd, " + silence(s.CourierErr), remedy}
	}
	return nil
}

// silence says how a daemon failed to answer; that it does not listen needs no more words.
func silence(err error) string {
	if exit, _ := classify(err); exit == ExitUnreachable {
		return "does not answer"
	}
	return fmt.Sprintf("does not answer: %v", err)
}

func fault(s Snapshot) *Problem {
	if s.Netd.Fault == "" {
		return nil
	}
	return &Problem{"fault", "a fault keeps both doors shut: " + s.Netd.Fault, "remove the cause, then: fault clear"}
}

func lockedDown(s Snapshot) *Problem {
	l := s.Netd.Lockdown
	if l == nil {
		return nil
	}
	return &Problem{"lockdown", fmt.Sprintf("both doors are locked down by %s since %s: %s", l.By, moment(l.At), orElse(l.Why, "no reason given")),
		"when that is meant to end: lockdown lift"}
}

// watch: the fourth layer must be there, or no door opens.
func watch(s Snapshot) *Problem {
	if g := s.Netd.Guard; g == nil || g.Watching {
		return nil
	}
	return &Problem{"guard", "the guard, netguard, gives no sign of life, and no door opens without it",
		"wait a minute; if it lasts, switch the node off and on, then report it"}
}

func module(s Snapshot) *Problem {
	m := s.Netd.Modem
	switch {
	case !m.Present:
		text := "no modem found"
		if m.Problem != "" {
			text += ": " + m.Problem
		}
		return &Problem{"modem", text, "check the modem's cable and its power; it is looked for again with each fetch"}
	case m.SIM == "missing":
		return &Problem{"sim", "no SIM in the modem", "switch the node off, insert the SIM, switch it on"}
	case m.SIM == "pin":
		return &Problem{"sim", "the SIM asks for a PIN", "type: modem pin; to have it done with, switch the PIN off in a phone"}
	case m.SIM == "puk":
		return &Problem{"sim", "the SIM is locked and asks for its PUK", "with the PUK of the carrier's letter, on the console: modem puk"}
	case m.Problem != "":
		return &Problem{"modem", m.Problem, "look at `status` and at the antenna; then: fetch"}
	}
	return nil
}

func membership(s Snapshot) *Problem {
	if s.Enrolled() && s.Deployd.Enrolled {
		return nil
	}
	return &Problem{"enrolment", "this node belongs to no publisher yet", "get a one-time token from the publisher, then: enrol TOKEN"}
}

func site(s Snapshot) *Problem {
	const remedy = "write a site.yaml (see help), then: site import"
	switch {
	case s.Netd.Site == nil:
		return &Problem{"site", "the node does not know its LAN yet", remedy}
	case s.Deployd.Site == nil || len(s.Deployd.Site.Targets) == 0:
		return &Problem{"site", "the node knows no server to deploy to", remedy}
	}
	for _, i := range s.Netd.Interfaces {
		if i.Role == string(windows.Inner) {
			return nil
		}
	}
	return &Problem{"lan", "no network interface is the site's LAN", "name its path from `status` as lan.interface in site.yaml, then: site import"}
}

func lastDeployment(s Snapshot) *Problem {
	r := s.Deployd.Last
	if r == nil || r.Outcome == release.Deployed || s.Deployd.Phase == "deploying" {
		return nil
	}
	remedy := "look at the servers named by `status`, then: deploy"
	if r.Outcome == release.Reverted {
		remedy = "every server is back on its release; report it, and wait for another release or: deploy"
	}
	return &Problem{"deployment", fmt.Sprintf("the deployment of %s ended %s: %s", r.Release, r.Outcome, orElse(r.Reason, "see its targets")), remedy}
}

// nextStep is the command that brings a node in this state on, for hints; empty when there is none.
func nextStep(s Snapshot) string {
	if p := FirstProblem(s); p != nil {
		switch p.Check {
		case "enrolment":
			return "enrol TOKEN"
		case "site", "lan":
			return "site import FILE"
		case "fault":
			return "fault clear"
		case "lockdown":
			return "lockdown lift"
		case "sim":
			return map[string]string{"pin": "modem pin", "puk": "modem puk"}[s.Netd.Modem.SIM]
		case "deployment":
			return "report"
		}
		return ""
	}
	return nextJob(*s.Deployd)
}

func nextJob(d api.Status) string {
	switch {
	case d.Phase != "" && d.Phase != "idle":
		return "watch"
	case d.Fetched != "" && d.Fetched != d.Running:
		return "deploy"
	case d.Queued > 0:
		return "report"
	}
	return "fetch"
}
