package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// fakeTable is a DynamoDB table as far as the ledger writes entries and finds them by their names.
type fakeTable struct {
	ledger.API

	mu    sync.Mutex
	items map[[2]string]map[string]types.AttributeValue
}

func textIn(item map[string]types.AttributeValue, name string) string {
	s, ok := item[name].(*types.AttributeValueMemberS)
	if !ok {
		return ""
	}
	return s.Value
}

func (f *fakeTable) put(item map[string]types.AttributeValue) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.items[[2]string{textIn(item, "pk"), textIn(item, "sk")}] = item
}

func (f *fakeTable) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	f.put(in.Item)
	return &dynamodb.PutItemOutput{}, nil
}

func (f *fakeTable) BatchWriteItem(_ context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	for _, writes := range in.RequestItems {
		for _, w := range writes {
			f.put(w.PutRequest.Item)
		}
	}
	return &dynamodb.BatchWriteItemOutput{}, nil
}

func (f *fakeTable) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]map[string]types.AttributeValue{}}
	for table, asked := range in.RequestItems {
		for _, key := range asked.Keys {
			if item, there := f.items[[2]string{textIn(key, "pk"), textIn(key, "sk")}]; there {
				out.Responses[table] = append(out.Responses[table], item)
			}
		}
	}
	return out, nil
}

func (f *fakeTable) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if aws.ToString(in.KeyConditionExpression) != "pk = :pk" {
		return nil, errors.New("the fake knows no other query")
	}
	out := &dynamodb.QueryOutput{}
	for key, item := range f.items {
		if key[0] == textIn(in.ExpressionAttributeValues, ":pk") {
			out.Items = append(out.Items, item)
		}
	}
	return out, nil
}

// gone are the entries of one mop: a node, and one of the two values of a shared record set.
func gone(t *testing.T) (node, record ledger.Entry) {
	t.Helper()
	definition, err := json.Marshal(policy.OwnRecord{
		RecordSet: policy.RecordSet{Zone: "Z1", Name: "all.example.com.", Type: "A", Values: []string{"10.0.0.5", "10.0.0.6"}}, Drop: []string{"10.0.0.5"},
	})
	if err != nil {
		t.Fatal(err)
	}
	node = ledger.Entry{
		ID: "e1", Kind: ledger.ChefNode, Resource: "chef/prod/nodes/web-1", Account: shopAccount, Region: "us-east-1", Policy: "prod", Approver: "the breaker",
		Reason: "i-0abc is terminated", Names: []string{"web-1", "i-0abc", "10.0.0.5", "fd00::5"}, Intent: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	record = node
	record.ID, record.Kind, record.Resource = "e2", ledger.RecordSet, "route53/Z1/all.example.com./A"
	record.Names, record.PutBack.Definition = []string{"10.0.0.5", "all.example.com.", "all.example.com", "i-0abc", "web-1"}, string(definition)
	return node, record
}

func TestWhyFindsWhatAMopDeletedByEachOfItsNames(t *testing.T) {
	table := ledger.Table{API: &fakeTable{items: map[[2]string]map[string]types.AttributeValue{}}, Name: "epoxy-ledger"}
	node, record := gone(t)
	if _, err := table.Intend(t.Context(), []ledger.Entry{node, record}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"i-0abc": "e1 e2", "web-1": "e1 e2", "10.0.0.5": "e1 e2", "fd00::5": "e1", "all.example.com": "e2", "all.example.com.": "e2",
		"chef/prod/nodes/web-1": "e1", "route53/Z1/all.example.com./A": "e2", "10.0.0.6": "", "web": "",
	} {
		found, err := table.Find(t.Context(), name)
		ids := make([]string, 0, len(found))
		for _, e := range found {
			ids = append(ids, e.ID)
		}
		if err != nil || strings.Join(ids, " ") != want {
			t.Errorf("%s: found %v, want %s: %v", name, ids, want, err)
		}
		var out bytes.Buffer
		err = (&app{out: &out}).printWhy(name, whyAnswer{Entries: found})
		if told := strings.Count(out.String(), "environment prod, let go by the breaker"); told != len(found) || (err == nil) != (want != "") {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
		if strings.Contains(out.String(), "plan") {
			t.Errorf("a mop has no plan:\n%s", out.String())
		}
	}
}

func TestWhyInWords(t *testing.T) {
	node, part := gone(t)
	whole := part
	whole.PutBack.Definition = strings.Replace(part.PutBack.Definition, `"drop":["10.0.0.5"]`, `"drop":["10.0.0.5","10.0.0.6"]`, 1)
	image := ledger.Entry{Kind: ledger.ECRImage, Policy: "shop", Plan: strings.Repeat("1a2b", 16), Approver: "Ann"}
	if got := whoLet(image); got != "policy shop, plan 1a2b1a2b1a2b, approved by Ann" {
		t.Error(got)
	}
	for _, c := range []struct {
		entry         ledger.Entry
		outcome, want string
	}{
		{node, ledger.Deleted, "deleted at 2026-01-02 03:04:09 UTC"},
		{whole, ledger.Deleted, "deleted at 2026-01-02 03:04:09 UTC"},
		{part, ledger.Deleted, "10.0.0.5 taken out of all.example.com. A at 2026-01-02 03:04:09 UTC"},
		{part, ledger.Undone, "10.0.0.5 taken out of all.example.com. A, and put back by Ann at 2026-01-02 03:04:09 UTC"},
		{part, "", "10.0.0.5 to be taken out of all.example.com. A since 2026-01-02 03:04:05 UTC; how that ended is not recorded yet"},
		{node, "", "about to be deleted at 2026-01-02 03:04:05 UTC; how that ended is not recorded yet"},
		{part, ledger.Failed, "not deleted: refused"},
	} {
		e := c.entry
		e.Outcome, e.UndoneBy, e.Detail, e.Ended = c.outcome, "Ann", "refused", e.Intent.Add(4*time.Second)
		if got := outcomeInWords(e); got != c.want {
			t.Errorf("%s %q: %s", e.Resource, c.outcome, got)
		}
	}
}

// What can be undone and asked about is what the help says.
func TestHelpNamesWhatMopsDelete(t *testing.T) {
	for _, command := range []string{"why", "undo"} {
		stdout, _, _ := try(t, command, "--help")
		for _, what := range []string{"node", "client", "record", "image", "task definition"} {
			if !strings.Contains(stdout, what) {
				t.Errorf("the help of %s does not name a %s:\n%s", command, what, stdout)
			}
		}
	}
}
