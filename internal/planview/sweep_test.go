package planview

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"epoxy/internal/policy"
)

func swept() policy.SweepPlan {
	return policy.SweepPlan{
		Sweep: "prod", Made: made, Grace: 24 * time.Hour,
		Orphans: []policy.Orphan{
			{Kind: policy.OrphanNode, Where: "chef", Name: "web-1", Why: "its instance i-0abc is terminated", Since: ago(3), Do: policy.SweepMops},
			{Kind: policy.OrphanClient, Where: "chef", Name: "web-2", Why: "it has no node", Since: ago(2), Do: policy.SweepKeeps, Kept: "node_names does not fit it"},
			{Kind: policy.OrphanRecord, Where: "Z1", Name: "all.example.com. A → 10.0.0.5", Why: "nobody has 10.0.0.5\x1b[2J", Since: made, Do: policy.SweepYoung, Kept: "seen so since now\tonly"},
		},
		Blind:     []policy.Blocked{{Name: "hosted zone Z2", Reason: "access denied"}},
		Strangers: map[string]int{"of another account": 1, "it tells no account": 12},
	}
}

func TestSweepTable(t *testing.T) {
	for name, plan := range map[string]policy.SweepPlan{"sweep": swept(), "sweep-nothing": {Sweep: "prod", Made: made, Grace: 10 * time.Minute}} {
		var got bytes.Buffer
		if err := SweepTable(&got, hash, plan); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", name+".golden"), got.Bytes())
	}
	if err := SweepTable(closed{}, hash, swept()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed pipe: %v", err)
	}
}
