package config

import (
	"net"
	"net/url"
	"path/filepath"
	"time"

	"epoxy/internal/policy"
)

// ChefServer is a Chef Infra Server, or one organisation of it, and who Epoxy is there.
type ChefServer struct {
	URL     URL       `yaml:"url" rule:"required" doc:"address of the server, or of an organisation: https://chef.example.com/organizations/shop"`
	Client  string    `yaml:"client" rule:"required" doc:"name of the Chef client or user that Epoxy signs its requests as"`
	Key     Secret    `yaml:"private_key" rule:"required" doc:"reference to its private key in PEM: { s3: { bucket: epoxy-keys, key: chef.enc, kms: true } }"`
	CAFile  string    `yaml:"ca_file" doc:"certificates in PEM, relative to epoxy.yaml, of a server whose certificate nobody else would trust"`
	Timeout *Duration `yaml:"timeout" rule:"min=1s,max=60s" doc:"how long one request may take"`
}

// What holds for a Chef server that does not say.
var builtinChefServer = ChefServer{Timeout: new(Duration(10 * time.Second))}

// ChefServers are the servers of the section chef with their defaults.
func (c *Config) ChefServers() map[string]ChefServer {
	out := make(map[string]ChefServer, len(c.Chef))
	for name, server := range c.Chef {
		server = overlay(server, builtinChefServer)
		if server.CAFile != "" && !filepath.IsAbs(server.CAFile) {
			server.CAFile = filepath.Join(c.doc.dir, server.CAFile)
		}
		out[name] = server
	}
	return out
}

// private tells whether nobody in between can change what an address answers.
func private(address URL) bool {
	u, err := url.Parse(string(address))
	if err != nil || u.Scheme == "https" {
		return err == nil
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *Config) checkChef(root place) {
	for _, name := range sortedKeys(c.Chef) {
		at := root.key("chef").key(name)
		checkName(at, name)
		if address := at.key("url"); c.Chef[name].URL != "" && !address.bad() && !private(c.Chef[name].URL) {
			address.errorf("%s is not https: whoever is in between could answer that a node is gone, and its clients and records would follow; only a server on this machine may have http", address.show(string(c.Chef[name].URL)))
		}
		if client := at.key("client"); c.Chef[name].Client != "" && !client.bad() {
			if err := policy.CheckNodeName(c.Chef[name].Client); err != nil {
				client.errorf("%s is no name of a Chef client: 1 to 255 letters, digits, dots, _ and -", client.show(c.Chef[name].Client))
			}
		}
	}
}
