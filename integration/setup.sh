#!/usr/bin/env bash
# Installs what the integration tests need on a bare Debian machine, and says
# so: curl, Chromium, exim, Node.js, and the npm packages pinned by clients/package-lock.json.
# It does nothing, quietly, when all of that is there.
set -euo pipefail
cd "$(dirname "$0")"

fail() {
	echo "integration/setup.sh: $*" >&2
	exit 1
}

# apt runs apt-get as root, with sudo where that is needed.
apt() {
	local sudo=()
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || fail "installing packages needs root; run as root: apt-get install curl chromium"
		sudo=(sudo)
	fi
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >/dev/null
}

# need installs a Debian package unless the command that it brings is there.
need() { # command, packages...
	command -v "$1" >/dev/null && return
	command -v apt-get >/dev/null || fail "the tests need $1 on the PATH; install it with this system's package manager"
	echo "installing $1 (Debian package)"
	apt update || fail "apt-get update failed, so $1 cannot be installed"
	shift
	apt install --no-install-recommends "$@" || fail "apt-get could not install: $*"
}

# need_mail installs exim, of which tests start processes of their own. It
# must not replace a mail server that this machine has.
need_mail() {
	[ -x /usr/sbin/exim4 ] && return
	command -v apt-get >/dev/null || {
		echo "the tests with a mail server are skipped: exim4 is not installed"
		return
	}
	echo "installing exim4 (Debian package)"
	apt update || fail "apt-get update failed, so exim4 cannot be installed"
	apt install --no-install-recommends --no-remove exim4-daemon-light ||
		echo "the tests with a mail server are skipped: exim4 would replace another mail server, or could not be installed"
}

check_node() {
	need node nodejs npm
	need npm npm
	local version
	version=$(node --version)
	version=${version#v}
	[ "${version%%.*}" -ge 20 ] || fail "the client tests need Node.js 20 or newer; this is $version"
}

# npm writes node_modules/.package-lock.json last, so an interrupted
# installation is done again.
install_packages() {
	local installed=clients/node_modules/.package-lock.json
	if [ -e "$installed" ] && [ ! clients/package-lock.json -nt "$installed" ]; then
		return
	fi
	echo "installing the npm packages of integration/clients"
	(cd clients && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null) ||
		fail "npm could not install the packages of integration/clients/package-lock.json"
	touch "$installed"
}

need curl curl ca-certificates
need chromium chromium fonts-dejavu-core
need_mail
check_node
install_packages
