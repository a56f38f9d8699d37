package nearest

import "testing"

func TestName(t *testing.T) {
	have := []string{"shop", "shop-web", "team/billing"}
	for want, near := range map[string]string{
		"shp": "shop", "hsop": "shop", "SHOP-WEB": "shop-web", "shopweb": "shop-web", "team/biling": "team/billing",
		"orders": "", "": "", "zzzz": "", "b": "", "warehouse": "",
	} {
		if got := Name(want, have); got != near {
			t.Errorf("nearest to %q is %q, want %q", want, got, near)
		}
	}
	if got := Name("shop", nil); got != "" {
		t.Errorf("nearest of none is %q", got)
	}
}
