package intake

import (
	"cmp"
	"slices"

	"epoxy/internal/policy"
)

// Names of the event that an instance sends when its bootstrap failed: ours, and as Lambda-Mop's users send it.
var bootstrapFailures = []string{"epoxy:DELETE", "lambda_mop:DELETE"}

func isBootstrapFailure(name string) bool { return slices.Contains(bootstrapFailures, name) }

// eventName is what Auto Scaling and a bootstrap say in Event; Lambda-Mop's description calls it the event's type.
func (d document) eventName() (string, error) {
	f := fields{of: d}
	for _, key := range []string{"Event", "event", "Type", "type"} {
		if name := f.text(key); name != "" || f.err != nil {
			return name, f.err
		}
	}
	return "", nil
}

// Keys under which a bootstrap failure says who it is, in small letters and without _ and -. The first that is there counts.
var (
	nodeKeys     = []string{"node", "nodename", "chefnode", "chefnodename", "name"}
	addressKeys  = []string{"ip", "ipaddress", "address", "privateip", "privateipaddress"}
	instanceKeys = []string{"instanceid", "ec2instanceid", "instance"}
	accountKeys  = []string{"accountid", "account"}
	regionKeys   = []string{"region", "awsregion"}
	timeKeys     = []string{"time", "timestamp"}
	idKeys       = []string{"id", "eventid"}
)

// bootstrapFailure reads the event of an instance that never came up:
//
//	{"Event": "epoxy:DELETE", "node": "web-1", "ip": "10.0.0.7", "instance_id": "i-0123456789abcdef0",
//	 "account_id": "123456789012", "region": "eu-west-1", "time": "2026-01-31T12:00:00Z"}
//
// One of node, ip and instance_id is enough, since an instance that fails early may not know more; what is empty or null is
// missing. Account and Region are the topic's or queue's when they are not there. Lambda-Mop, which took lambda_mop:DELETE
// before, was described ("a custom event of type lambda_mop:DELETE with the relevant Chef node name and/or IP address") but its
// format never published: so any case of the keys is taken, with _ or - or without, and each of the spellings above. The values
// are as strict as everywhere: a name with a slash or a wildcard is refused, whichever key it stands under.
func (o Origin) bootstrapFailure(d document) (policy.Announcement, error) {
	known, err := d.normal(slices.Concat(nodeKeys, addressKeys, instanceKeys, accountKeys, regionKeys, timeKeys, idKeys)...)
	if err != nil {
		return policy.Announcement{}, err
	}
	first := func(keys []string) string {
		for _, key := range keys {
			if known[key] != "" {
				return known[key]
			}
		}
		return ""
	}
	a := policy.Announcement{
		Kind: policy.AnnouncedFailed, Format: o.transport() + " bootstrap failure", ID: cmp.Or(first(idKeys), o.ID),
		Subject: o.place(policy.Subject{
			Account: first(accountKeys), Region: first(regionKeys),
			Instance: first(instanceKeys), Node: first(nodeKeys), Address: first(addressKeys),
		}),
	}
	if len(a.ID) > 128 || !printable(a.ID) {
		return a, refused("bad_shape", "its id is longer than 128 bytes or has control characters")
	}
	a.At, err = o.when(cmp.Or(first(timeKeys), o.published))
	return a, err
}
