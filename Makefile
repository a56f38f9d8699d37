# Epoxy. `make help` lists what there is; everything works from a fresh clone with Go 1.26, Python 3.9 and make.

.DEFAULT_GOAL := help

bin     := bin
tools   := .tools/bin
python  := .tools/venv/bin/python
ldflags := -s -w

# The race detector needs a C compiler; a machine without one tests without it.
race = $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

# The AWS stand-in's tests talk to this machine: never through a proxy.
local := NO_PROXY="$${NO_PROXY:+$$NO_PROXY,}127.0.0.1,localhost" no_proxy="$${no_proxy:+$$no_proxy,}127.0.0.1,localhost"

.PHONY: help
help: ## say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## prepare this machine: tools in .tools/bin, Python with moto in .tools/venv (the first time takes minutes)
	@sh sandbox/setup.sh

.PHONY: build
build: ## build bin/epoxy, bin/epoxy-worker and bin/epoxy-sandbox, static
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(ldflags)' -o $(bin)/epoxy ./starter
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(ldflags)' -o $(bin)/epoxy-worker ./worker
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(ldflags)' -o $(bin)/epoxy-sandbox ./sandbox

.PHONY: demo
demo: setup build ## play Epoxy's jobs on this machine, without any account
	@$(bin)/epoxy-sandbox demo

.PHONY: sandbox
sandbox: setup build ## start Temporal, AWS, Slack and GitHub stand-ins and leave them running; .sandbox/env points a shell at them
	@$(bin)/epoxy-sandbox up

.PHONY: sandbox-down
sandbox-down: build ## stop the sandbox
	@$(bin)/epoxy-sandbox down

.PHONY: test
test: setup build ## run all tests: the AWS stand-in's, then all five layers of Epoxy's
	@$(local) $(python) -m unittest discover -s sandbox/aws/tests
	@$(tools)/gotestsum --format pkgname --format-hide-empty-pkg -- -tags e2e -count=1 -parallel 16 $(race) ./...

.PHONY: test-fast
test-fast: setup ## run the tests that need no services, in less than a minute
	@$(tools)/gotestsum --format pkgname --format-hide-empty-pkg -- ./...

.PHONY: lint
lint: setup ## check style, import rules, and that workflows are deterministic
	@unformatted=$$(gofmt -l $$(go list -tags e2e -f '{{.Dir}}' ./...)) && \
		if [ -n "$$unformatted" ]; then printf 'gofmt: %s\n' $$unformatted; echo 'run make fmt'; exit 1; fi
	@go vet ./... && go vet -tags e2e ./...
	@$(tools)/golangci-lint run ./...
	@$(tools)/workflowcheck -config tools/workflowcheck.yaml ./workflows/...
	@PYTHONPYCACHEPREFIX=.tools/pycache $(python) -m compileall -q sandbox/aws

.PHONY: check
check: lint test ## what must pass before a change lands: lint and test

.PHONY: bench
bench: setup build ## run the benchmarks
	@go test -run '^$$' -bench . -benchmem -timeout 30m ./bench/...

.PHONY: fmt
fmt: setup ## format the Go files and order their imports
	@$(tools)/golangci-lint fmt
