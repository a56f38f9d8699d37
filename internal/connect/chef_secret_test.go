package connect

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"epoxy/internal/config"
)

func TestChefKeyStaysSecret(t *testing.T) {
	w := newChefWorld(t)
	chef := w.client(t, nil)
	if _, err := get(t.Context(), chef, "nodes", 100); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(w.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.Split(string(text), "\n")[1]
	holder := struct {
		Servers map[string]*ChefClient
		one     *ChefClient
	}{map[string]*ChefClient{"prod": chef}, chef}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, shown := range []string{fmt.Sprintf(verb, chef), fmt.Sprintf(verb, holder)} {
			if strings.Contains(shown, secret) || strings.Contains(shown, "PrivateKey") || strings.Contains(shown, chef.signer.Auth.PrivateKey.D.String()) {
				t.Errorf("%s shows the key: %s", verb, shown)
			}
		}
	}
	// What is no key is not quoted either; it may be half of one.
	if err := os.WriteFile(w.keyFile, []byte("-----BEGIN RSA PRIVATE KEY-----\n"+secret), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = get(t.Context(), w.client(t, nil), "nodes", 100)
	if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "chef.prod.private_key is no RSA key in PEM") {
		t.Errorf("half a key: %v", err)
	}
	_, err = get(t.Context(), w.client(t, func(s *config.ChefServer) { s.Key = config.Secret{File: w.keyFile + ".gone"} }), "nodes", 100)
	if err == nil || !strings.Contains(err.Error(), "chef.prod.private_key") || !strings.Contains(err.Error(), ".gone") {
		t.Errorf("no key: %v", err)
	}
}

func TestChefTrustsItsOwnCertificate(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(out, "{}") }))
	t.Cleanup(server.Close)
	w := newChefWorld(t)
	w.url = server.URL
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t.Context(), w.client(t, nil), "nodes", 100); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody trusts: %v", err)
	}
	if _, err := get(t.Context(), w.client(t, func(s *config.ChefServer) { s.CAFile = file }), "nodes", 100); err != nil {
		t.Errorf("with its certificate: %v", err)
	}
	for _, wrong := range []string{w.keyFile, file + ".gone"} {
		if _, err := ChefServers(map[string]config.ChefServer{"prod": {CAFile: wrong}}); err == nil || !strings.Contains(err.Error(), "chef.prod.ca_file") {
			t.Errorf("%s as certificates: %v", wrong, err)
		}
	}
}
