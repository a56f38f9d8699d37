#!/bin/sh
# Prepares this machine for Epoxy's sandbox and checks: Python with moto in .tools/venv, the tools and goiardi in .tools/bin.
# `make setup` runs it. It says nothing and does nothing when everything is there.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
bin=$root/.tools/bin
venv=$root/.tools/venv
requirements=sandbox/aws/requirements.txt

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# at_least HAVE WANT: is version HAVE (major.minor…) no older than WANT (major.minor)?
at_least() {
	have_major=${1%%.*}; have_rest=${1#*.}; have_minor=${have_rest%%[!0-9]*}
	[ "$have_major" -gt "${2%.*}" ] || { [ "$have_major" -eq "${2%.*}" ] && [ "${have_minor:-0}" -ge "${2#*.}" ]; }
}

# stamp FILE…: a short text that changes when a file does.
stamp() { cat "$@" | cksum; }

check_go() {
	command -v go >/dev/null 2>&1 ||
		fail "Go 1.26 or newer is missing; install it (Debian: golang-go from backports, or go.dev/dl; macOS: brew install go)"
	# An older Go that may fetch newer ones by itself reports the one it would use here.
	go_version=$(go env GOVERSION 2>/dev/null) ||
		fail "$(go version 2>/dev/null | cut -d' ' -f3) cannot run Epoxy, which needs Go 1.26; upgrade it (go.dev/dl; macOS: brew upgrade go)"
	at_least "$(printf '%s' "$go_version" | sed 's/^[^0-9]*//')" 1.26 ||
		fail "$go_version is too old, Epoxy needs Go 1.26; upgrade it (go.dev/dl; macOS: brew upgrade go)"
}

check_python() {
	command -v python3 >/dev/null 2>&1 ||
		fail "Python 3.9 or newer is missing; install it (Debian: apt install python3 python3-venv; macOS: brew install python)"
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' ||
		fail "$(python3 --version 2>&1) is too old, the AWS stand-in needs 3.9; upgrade it (Debian: apt install python3; macOS: brew install python)"
	python3 -c 'import venv, ensurepip' 2>/dev/null ||
		fail "Python's venv module is missing; install it (Debian: apt install python3-venv; macOS: brew install python)"
}

# requirements_met: does the venv, or the system's Python behind it, have all that requirements.txt asks for? It looks at
# what is installed and asks no index, so that a machine without a network but with moto is served.
requirements_met() {
	"$venv/bin/python" - "$requirements" <<'PYTHON'
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pip._vendor.packaging.requirements import Requirement

seen = set()

def met(text, extra=""):
    requirement = Requirement(text)
    if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
        return True
    key = (requirement.name.lower(), frozenset(requirement.extras))
    try:
        found = distribution(requirement.name)
    except PackageNotFoundError:
        return False
    if not requirement.specifier.contains(found.version, prereleases=True):
        return False
    if key in seen:
        return True
    seen.add(key)
    return all(met(r, e) for r in found.requires or [] for e in (requirement.extras or {""}))

lines = (line.split("#")[0].strip() for line in open(sys.argv[1]))
sys.exit(not all(met(line) for line in lines if line))
PYTHON
}

setup_python() {
	want=$(stamp "$requirements" sandbox/setup.sh)
	if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.stamp" 2>/dev/null)" = "$want" ]; then
		return
	fi
	check_python
	if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
		say "making a Python environment in .tools/venv"
		rm -rf "$venv"
		python3 -m venv --system-site-packages "$venv" || fail "could not make .tools/venv (the reason stands above)"
	fi
	if ! requirements_met; then
		say "installing the AWS stand-in's packages into .tools/venv"
		"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" ||
			fail "pip could not install $requirements (the reason stands above); fix the network or pip's index and run make setup again"
	fi
	printf '%s\n' "$want" >"$venv/.stamp"
}

# tool NAME MODULE PACKAGE [REMARK]: builds a pinned tool unless it was built from this go.mod.
tool() {
	want=$(stamp "$2/go.mod" "$2/go.sum")
	if [ -x "$bin/$1" ] && [ "$(cat "$bin/.$1.stamp" 2>/dev/null)" = "$want" ]; then
		return
	fi
	say "building $1${4:+ ($4)}"
	go build -C "$2" -o "$bin/$1" "$3" || fail "could not build $1 (the reason stands above)"
	printf '%s\n' "$want" >"$bin/.$1.stamp"
}

# setup_goiardi takes the Chef server out of Debian's package. It is not installed, which would start it as a service, open to
# all; and it is not built, for some of the modules it needs are on no Go proxy any more. Without it all but the sandbox works.
setup_goiardi() {
	if command -v goiardi >/dev/null 2>&1 || [ -x "$bin/goiardi" ]; then
		return
	fi
	missing="goiardi, the sandbox's Chef server, is missing, and the sandbox will not start without it"
	if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-deb >/dev/null 2>&1; then
		say "$missing; put version 0.11.10 on PATH (on macOS: use a Debian container, such as docker compose has one)"
		return
	fi
	say "fetching goiardi, the sandbox's Chef server"
	folder=$(mktemp -d)
	fetch() { (cd "$folder" && apt-get download -qq goiardi 2>"$folder/why" >&2); }
	if ! fetch && [ "$(id -u)" -eq 0 ]; then
		apt-get update -qq >/dev/null 2>&1 || true
		fetch || true
	fi
	if dpkg-deb -x "$folder"/goiardi_*.deb "$folder/package" 2>/dev/null; then
		cp "$folder/package/usr/bin/goiardi" "$bin/goiardi"
	else
		say "$missing; run sudo apt-get update, then make setup again ($(tail -n 1 "$folder/why"))"
	fi
	rm -rf "$folder"
}

check_go
mkdir -p "$bin"
setup_python
command -v temporal >/dev/null 2>&1 ||
	tool temporal tools/temporal github.com/temporalio/cli/cmd/temporal "takes some minutes the first time"
tool gotestsum tools gotest.tools/gotestsum
tool golangci-lint tools github.com/golangci/golangci-lint/v2/cmd/golangci-lint "takes a minute or two the first time"
tool workflowcheck tools go.temporal.io/sdk/contrib/tools/workflowcheck
setup_goiardi
