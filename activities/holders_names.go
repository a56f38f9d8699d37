package activities

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"epoxy/internal/policy"
)

// findNames finds live instances by the tag Name and by the host's name: without case, and with and without a domain.
func findNames(ctx context.Context, client HoldersAPI, place Place, names []string, into map[string][]holder) error {
	byHost := map[string][]string{}
	var tags, hosts []string
	for _, name := range names {
		host := policy.HostOf(name)
		if byHost[host] == nil {
			tags, hosts = append(tags, anyCase(host), anyCase(host)+".*"), append(hosts, host+".*")
		}
		byHost[host] = append(byHost[host], name)
	}
	alive := types.Filter{Name: aws.String("instance-state-name"), Values: notDead}
	for _, by := range []struct {
		filter string
		values []string
	}{{"tag:Name", unique(tags)}, {"private-dns-name", unique(hosts)}} {
		for some := range slices.Chunk(by.values, instancesPerCall) {
			found, err := describeInstances(ctx, client, place, types.Filter{Name: &by.filter, Values: some}, alive)
			if err != nil {
				return err
			}
			for _, i := range found {
				for _, called := range unique([]string{i.Name, i.Hostname}) {
					for _, name := range byHost[policy.HostOf(called)] {
						if policy.SameHost(name, called) {
							into[name] = append(into[name], holder{i.ID, named(i)})
						}
					}
				}
			}
		}
	}
	return nil
}

// anyCase is a filter's pattern for a name: a tag's value tells upper case from lower, and ? is any character, or none. It
// finds others, too. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html#Filtering_Resources_CLI
func anyCase(host string) string {
	return strings.Map(func(c rune) rune {
		if c == '-' || c == '_' || '0' <= c && c <= '9' {
			return c
		}
		return '?'
	}, host)
}
