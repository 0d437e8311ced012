package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"airlock/publisher"
)

// sandbox knows three commands and refuses what no gate may ask for.
type sandbox struct{ ran []string }

func (s *sandbox) Run(_ context.Context, j publisher.Job) error {
	if j.Network || j.Timeout == 0 || j.Project == "" || j.Env["AIRLOCK_VERSION"] == "" {
		return fmt.Errorf("was asked for with %+v", j)
	}
	s.ran = append(s.ran, j.Command)
	switch j.Command {
	case "pass":
		_, err := io.WriteString(j.Output, "fine\n")
		return err
	case "stop":
		return publisher.ErrStopped
	}
	return errors.New("ended with exit status 1")
}

func TestPass(t *testing.T) {
	tests := []struct {
		name     string
		commands []string
		ran      int
		want     string // part of the error
	}{
		{"all pass", []string{"pass", "pass"}, 2, ""},
		{"second fails", []string{"pass", "fail", "pass"}, 2, `the test "test 1" failed: its command ended with exit status 1`},
		{"server stops", []string{"stop", "pass"}, 1, publisher.ErrStopped.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			box, log := &sandbox{}, &bytes.Buffer{}
			clock := time.Unix(0, 0)
			g := Gate{Sandbox: box, Now: func() time.Time { clock = clock.Add(time.Second); return clock }}
			s := &publisher.Spec{Project: "shop", Version: "1.0"}
			for i, c := range tt.commands {
				s.Tests = append(s.Tests, publisher.TestSpec{Name: fmt.Sprint("test ", i), Command: c, Timeout: time.Second})
			}
			proof, err := g.Pass(t.Context(), s, strings.Repeat("a", 40), "src", log)
			if len(box.ran) != tt.ran {
				t.Errorf("ran %v, want %d of them", box.ran, tt.ran)
			}
			if tt.want != "" {
				if err == nil || err.Error() != tt.want || proof != nil {
					t.Errorf("Pass = %v, %v, want %s", proof, err, tt.want)
				}
				return
			}
			if err != nil || len(proof) != 2 || proof[1].Name != "test 1" || proof[1].Seconds != 1 || !strings.Contains(log.String(), "fine\n") {
				t.Errorf("Pass = %+v, %v; log %s", proof, err, log)
			}
		})
	}
}
