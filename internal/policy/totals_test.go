package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSum(t *testing.T) {
	got := Sum([]Verdict{
		{Code: VerdictDelete, Bytes: 5, Tags: []string{"v1"}}, {Code: VerdictDelete, Bytes: 7}, {Code: KeptInUse, Bytes: 11}, {Code: KeptInUse, Tags: []string{"v2"}}, {Code: KeptYoung},
	})
	want := Totals{Images: 5, Bytes: 23, Delete: 2, DeleteBytes: 12, Kept: map[string]int{KeptInUse: 2, KeptYoung: 1}, Tagged: 1}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	other := Totals{Images: 1, Bytes: 1, Delete: 1, DeleteBytes: 1, Tagged: 1, Kept: map[string]int{KeptYoung: 1, KeptHead: 1}}
	sum := AddTotals(got, other, Sum(nil))
	want = Totals{Images: 6, Bytes: 24, Delete: 3, DeleteBytes: 13, Kept: map[string]int{KeptInUse: 2, KeptYoung: 2, KeptHead: 1}, Tagged: 2}
	if !cmp.Equal(sum, want) {
		t.Error(cmp.Diff(want, sum))
	}
	if got.Kept[KeptYoung] != 1 || other.Kept[KeptYoung] != 1 {
		t.Error("what was added up was changed")
	}
}

func TestCheckCaps(t *testing.T) {
	part := func(name string, going, all int) PlanPart {
		return PlanPart{Name: name, Totals: Totals{Delete: going, Images: all}}
	}
	for name, c := range map[string]struct {
		caps  Caps
		total Totals
		parts []PlanPart
		want  string
	}{
		"no caps":         {Caps{}, Totals{Delete: 100, Images: 100}, nil, ""},
		"at the count":    {Caps{MaxDelete: 10}, Totals{Delete: 10, Images: 10}, nil, ""},
		"over the count":  {Caps{MaxDelete: 10}, Totals{Delete: 11, Images: 1000}, nil, "11 would go, more than max_delete allows (10)"},
		"at the percent":  {Caps{MaxPercent: 50}, Totals{Delete: 5, Images: 10}, []PlanPart{part("a", 5, 10)}, ""},
		"over it":         {Caps{MaxPercent: 50}, Totals{Delete: 501, Images: 1000}, nil, "501 of 1000 (51 %) would go, more than max_percent allows (50 %)"},
		"in a repository": {Caps{MaxPercent: 50}, Totals{Delete: 6, Images: 100}, []PlanPart{part("c", 2, 3), part("a", 0, 50), part("b", 4, 4)}, "4 of 4 (100 %) of b would go"},
		"nothing there":   {Caps{MaxDelete: 1, MaxPercent: 1}, Totals{}, []PlanPart{part("a", 0, 0)}, ""},
	} {
		got := CheckCaps(c.caps, c.total, c.parts)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestInDays(t *testing.T) {
	for seconds, want := range map[int]string{0: "0 seconds", 59: "59 seconds", 60: "1 minute", 3599: "59 minutes", 7200: "2 hours", 86400: "1 day", 3 * 86400: "3 days"} {
		if got := inDays(time.Duration(seconds) * time.Second); got != want {
			t.Errorf("%d s: %q, want %q", seconds, got, want)
		}
	}
}

// The ledger's details begin with a code, and are read again by it.
func TestIsKept(t *testing.T) {
	for _, code := range []string{
		KeptBlocked, KeptInUse, KeptProtected, KeptNewest, KeptYoung, KeptCommitYoung, KeptCommitUnknown, KeptHead, KeptGraph, KeptParent, KeptUnread, KeptCapped,
		KeptVetoed, KeptCameIntoUse, KeptFailed, KeptGone,
	} {
		if !IsKept(code) {
			t.Errorf("%s is none", code)
		}
	}
	if IsKept(VerdictDelete) || IsKept("") || IsKept("deregistered") {
		t.Error("what goes is kept")
	}
}
