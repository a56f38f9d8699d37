package ledger

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// plain is a text or a number.
func plain(v types.AttributeValue) string {
	if n, is := v.(*types.AttributeValueMemberN); is {
		return n.Value
	}
	return textOf(item{"": v}, "")
}

// Undos of one resource are found with it, the newest first, each once, however often an answer is lost.
func TestUndosOfAResource(t *testing.T) {
	fake, table := newFake()
	fake.lose["PutItem"] = 1
	for n := range undosKept + 5 {
		for _, what := range []string{"route53/Z1/all.example.com./A", fmt.Sprint("chef/prod/nodes/web-", n)} {
			if err := table.MarkUndo(t.Context(), what, fmt.Sprint("e", n)); err != nil && n > 0 {
				t.Fatal(err)
			}
			if err := table.MarkUndo(t.Context(), what, fmt.Sprint("e", n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := table.Undos(t.Context(), []string{"chef/prod/nodes/web-3", "chef/prod/nodes/nobody", "route53/Z1/all.example.com./A"})
	if err != nil || len(got) != 3 || len(got[0]) != 1 || got[0][0].Entry != "e3" || got[0][0].At.IsZero() || len(got[1]) != 0 {
		t.Fatalf("%v, %v", got, err)
	}
	if shared := got[2]; len(shared) != undosKept || shared[0].Entry != fmt.Sprint("e", undosKept+4) || shared[1].Entry != fmt.Sprint("e", undosKept+3) {
		t.Errorf("%v", shared)
	}
	fake.lose["GetItem"] = 1
	if _, err := table.Undos(t.Context(), []string{"chef/prod/nodes/web-3"}); err == nil {
		t.Error("nobody noticed that it cannot be read")
	}
}
