package intake

import (
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"epoxy/internal/policy"
)

// FuzzParseEvent: whatever is sent, it is an announcement whose every part is what it should be, or it is refused or ignored with
// a short reason; and it is so each time. The corpus in testdata has all formats, and hostile ones.
func FuzzParseEvent(f *testing.F) {
	for _, body := range []string{
		eventNotification, eventHook, eventBridged, eventBridgedHook, eventState, eventBootstrap, eventOldBootstrap,
		enveloped(eventNotification), enveloped(eventHook), enveloped(quoted(eventOldBootstrap)),
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := ParseEvent(body, fromQueue)
		again, errAgain := ParseEvent(body, fromQueue)
		if diff := cmp.Diff(a, again); diff != "" || (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() {
			t.Fatalf("once %v, then %v\n%s", err, errAgain, diff)
		}
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkAnnouncement(t, a)
	})
}

func checkRefusal(t *testing.T, err error) {
	t.Helper()
	refusal, isRefusal := errors.AsType[Refusal](err)
	skipped, isIgnored := errors.AsType[Ignored](err)
	code, text := refusal.Code+skipped.Code, refusal.Text+skipped.Text
	if isRefusal == isIgnored || code == "" || text == "" {
		t.Fatalf("neither refused nor ignored: %#v", err)
	}
	if len(text) > 1000 || !utf8.ValidString(text) {
		t.Fatalf("a reason of %d bytes: %q", len(text), text)
	}
}

func checkAnnouncement(t *testing.T, a policy.Announcement) {
	t.Helper()
	if err := a.Subject.Check(); err != nil {
		t.Fatal(err)
	}
	if a.Kind != policy.AnnouncedFailed && a.Subject.Instance == "" || a.Format == "" || len(a.ID) > 128 || !printable(a.ID+a.Group) || len(a.Group) > maxGroup {
		t.Fatalf("incomplete or oversized: %+v", a)
	}
	if !a.At.IsZero() && (a.At.Before(firstDay) || a.At.After(fromQueue.Received.Add(skew))) {
		t.Fatalf("at %s", a.At)
	}
	if (a.Kind == policy.AnnouncedTerminating) != (a.Hook != nil) {
		t.Fatalf("a hook, or none: %+v", a)
	}
	if h := a.Hook; h != nil && (h.Group != a.Group || h.Group == "" || !hookPattern.MatchString(h.Name) || !tokenPattern.MatchString(h.Token)) {
		t.Fatalf("hook %+v", h)
	}
}
