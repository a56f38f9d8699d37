package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"epoxy/internal/cloud"
	"epoxy/internal/config"
	"epoxy/internal/ledger"
	"epoxy/workflows"
)

func (a *app) setupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "setup", Short: "Make what Epoxy needs in Temporal and AWS; safe to run again", Args: cobra.NoArgs,
		Long: "Register Epoxy's search attributes with Temporal, and make the bucket of the section artifacts and the table of the\n" +
			"section ledger, as far as epoxy.yaml has them. What is there already stays as it is; what it lacks is said.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.connected(cmd.Context(), func(cfg *config.Config, c client.Client, o client.Options) error {
				added, err := addSearchAttributes(cmd.Context(), c, o.Namespace)
				if err != nil {
					return err
				}
				out := setupOutput{Namespace: o.Namespace, Added: added}
				if out.Made, err = makeStores(cmd.Context(), cfg, services); err != nil {
					return exit(exitFailed, "%s\n%w", out, err)
				}
				return a.say(out, "%s", out)
			})
		},
	}
}

// setupOutput is what setup found and did.
type setupOutput struct {
	Namespace string   `json:"namespace"`
	Added     int      `json:"added"`
	Made      []stored `json:"stores,omitempty"`
}

// stored is a bucket or table, and what setup did about it.
type stored struct {
	Name  string   `json:"name"` // "bucket epoxy-artifacts"
	Place string   `json:"place"`
	Did   []string `json:"did,omitempty"`
	Lacks []string `json:"lacks,omitempty"` // what it is for its owner to change
}

func (o setupOutput) String() string {
	lines := []string{fmt.Sprintf("namespace %s has Epoxy's search attributes (%d added)", o.Namespace, o.Added)}
	for _, m := range o.Made {
		did := "is there"
		if len(m.Did) > 0 {
			did = strings.Join(m.Did, ", ")
		}
		lines = append(lines, fmt.Sprintf("%s in %s: %s", m.Name, m.Place, did))
		for _, lack := range m.Lacks {
			lines = append(lines, "  but it "+lack)
		}
	}
	return strings.Join(lines, "\n")
}

func addSearchAttributes(ctx context.Context, c client.Client, namespace string) (added int, err error) {
	have, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return 0, err
	}
	missing := map[string]enumspb.IndexedValueType{}
	for _, name := range workflows.SearchAttributeNames() {
		if kind, ok := have.GetCustomAttributes()[name]; !ok {
			missing[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
		} else if kind != enumspb.INDEXED_VALUE_TYPE_KEYWORD {
			return 0, exit(exitFailed, "search attribute %s exists in namespace %s as %s; Epoxy needs a Keyword: use a namespace of its own", name, namespace, kind)
		}
	}
	if len(missing) > 0 {
		_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
	}
	return len(missing), err
}

// makeStores makes the bucket and the table of the configuration. What it did before an error comes back with it.
func makeStores(ctx context.Context, cfg *config.Config, connect func(context.Context, cloud.Place) (*cloud.Services, error)) ([]stored, error) {
	var out []stored
	if artifacts := cfg.ArtifactStore(); artifacts.Bucket != "" {
		s, err := connect(ctx, artifacts.Place)
		if err != nil {
			return out, fmt.Errorf("bucket %s: %w", artifacts.Bucket, err)
		}
		b := bucket{api: s.S3, ArtifactStore: artifacts}
		err = b.setUp(ctx)
		out = append(out, stored{Name: "bucket " + artifacts.Bucket, Place: artifacts.Place.String(), Did: b.did, Lacks: b.lacks})
		if err != nil {
			return out, err
		}
	}
	if table := cfg.LedgerTable(); table.Table != "" {
		s, err := connect(ctx, table.Place)
		if err != nil {
			return out, fmt.Errorf("table %s: %w", table.Table, err)
		}
		did, err := ledger.Setup(ctx, s.DynamoDB, table.Table)
		out = append(out, stored{Name: "table " + table.Table, Place: table.Place.String(), Did: did})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}
