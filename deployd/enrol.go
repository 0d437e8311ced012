package deployd

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"airlock/deployd/api"
	"airlock/deployd/release"
	"airlock/netd/windows"
)

// maxEnrolment bounds the publisher's answer, bytes; the TUF root is most of it.
const maxEnrolment = 1 << 20

// enrol makes the node a member: one outer window, one request. Nothing is stored before the root that
// came was found to be the one which the token names.
func (c *Courier) enrol(ctx context.Context, token string, say api.Say) error {
	if n := c.state.node(); n != nil {
		return problem(api.CodeEnrolled, "this node is enrolled already, as %s", n.Node)
	}
	if strings.TrimSpace(token) == "" {
		return problem(api.CodeBadToken, "the token is empty: paste what the publisher printed, AIRLOCK1-…")
	}
	r := windows.Request{Door: windows.Outer, Purpose: windows.Enrol, Token: token}
	return c.during(ctx, r, say, func(ctx context.Context, w Window) error {
		say(api.Progress{Text: "asking the publisher to let this node in"})
		answer, err := c.introduce(ctx, w)
		if err != nil {
			return told("enrol", err)
		}
		if err := trusted(answer.Root, w.Event().RootDigest); err != nil {
			return err
		}
		// The doorkeeper first: a node that is half enrolled can be enrolled again with a new token.
		err = c.cfg.Windows.SetIdentity(ctx, windows.Identity{Node: answer.Node, Address: answer.Address,
			Hub: w.Event().Hub, HubKey: w.Event().HubKey, PublisherAddress: answer.PublisherAddress})
		if err != nil {
			return told("tell netd who this node is", err)
		}
		if err := c.state.enrol(answer); err != nil {
			return told("store the membership", err)
		}
		say(api.Progress{Text: "this node is " + answer.Node})
		return nil
	})
}

// introduce sends the node's public keys and reads what the publisher says.
func (c *Courier) introduce(ctx context.Context, w Window) (release.EnrolResponse, error) {
	var answer release.EnrolResponse
	base, err := c.publisher(w)
	if err != nil {
		return answer, err
	}
	body, err := json.Marshal(release.EnrolRequest{
		NodeKey:   w.Event().NodeKey,
		ReportKey: base64.StdEncoding.EncodeToString(c.keys.report.Public().(ed25519.PublicKey)),
		SSHKey:    c.keys.authorized(),
		RecordKey: w.Event().RecordKey,
	})
	if err != nil {
		return answer, fmt.Errorf("encode request: %w", err)
	}
	client, shut := through(w)
	defer shut()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	res, err := post(ctx, client, base+release.PathEnrol, body)
	if err != nil {
		return answer, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxEnrolment+1))
	if err != nil {
		return answer, fmt.Errorf("read the publisher's answer: %w", err)
	}
	switch {
	case res.StatusCode == http.StatusConflict:
		return answer, problem(api.CodeBadToken, "this token was used already; ask the publisher for a new one (it said: %s)", sentence(b))
	case res.StatusCode/100 == 4:
		return answer, problem(api.CodeBadToken, "the publisher refused the token: %s", sentence(b))
	case res.StatusCode/100 != 2:
		return answer, problem(api.CodeNoAnswer, "the publisher could not enrol the node, try again later: it answered %s: %s", res.Status, sentence(b))
	}
	if err := json.Unmarshal(b, &answer); err != nil || len(b) > maxEnrolment || answer.Node == "" {
		return answer, problem(api.CodeRefused, "the publisher's answer to the enrolment is not readable; is it an Airlock publisher?")
	}
	return answer, nil
}

// trusted compares the root that came with the digest that the token carries.
func trusted(root []byte, want string) error {
	sum := sha256.Sum256(root)
	if got := hex.EncodeToString(sum[:]); want == "" || !strings.EqualFold(got, want) {
		return problem(api.CodeUntrusted, "the publisher's root metadata is not the one that the token names "+
			"(SHA-256 %s, want %s): this is another publisher, nothing was stored", got, want)
	}
	return nil
}

// post sends JSON.
func post(ctx context.Context, client *http.Client, url string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	return client.Do(req)
}

// sentence is what a person can read of an error's body: the detail of problem+json, or its start.
func sentence(b []byte) string {
	var p struct{ Detail, Text, Title, Error string }
	if json.Unmarshal(b, &p) == nil {
		for _, s := range []string{p.Detail, p.Text, p.Error, p.Title} {
			if s != "" {
				return s
			}
		}
	}
	return strings.TrimSpace(string(b[:min(len(b), 200)]))
}
