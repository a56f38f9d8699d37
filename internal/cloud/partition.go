package cloud

// domains are what the host names of a partition's services end with, where it is not amazonaws.com.
// https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json
var domains = map[string]string{
	"aws-cn":    "amazonaws.com.cn",
	"aws-eusc":  "amazonaws.eu",
	"aws-iso":   "c2s.ic.gov",
	"aws-iso-b": "sc2s.sgov.gov",
	"aws-iso-e": "cloud.adc-e.uk",
	"aws-iso-f": "csp.hci.ic.gov",
}

// Domain is what the host names of a partition's services end with.
func Domain(partition string) string {
	if domain, ok := domains[partition]; ok {
		return domain
	}
	return "amazonaws.com"
}
