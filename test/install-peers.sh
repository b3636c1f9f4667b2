#!/usr/bin/env bash
# Installs the Debian packages that the tests and the benchmarks need: web servers, languages, other process managers.
# Says nothing and touches nothing when all are there. No service is started, now or at the next boot.
set -euo pipefail

packages=(
  # web servers
  nginx-light lighttpd lighttpd-mod-openssl apache2 haproxy caddy
  # programs and what they are made with
  gcc libc6-dev libfcgi-dev libfcgi-bin libfcgi-perl libcgi-fast-perl ruby ruby-fcgi golang-go php-cgi fcgiwrap python3
  python3-flask python3-django
  # other process managers, for comparison
  spawn-fcgi multiwatch supervisor php8.2-fpm
  # what docs/recipes.md says how to run
  cgit git libmojo-server-fastcgi-perl libplack-perl libdancer2-perl ruby-rack iipimage-server
  # a systemd to boot, shells to complete in, a reader of man pages
  systemd dbus bash-completion zsh fish mandoc
  # a dry run of docs/deploy/compose.yaml
  docker-compose
  # tools of the tests
  procps util-linux coreutils openssl iproute2 curl logrotate
)
units=(nginx lighttpd apache2 apache-htcacheclean haproxy caddy fcgiwrap.socket fcgiwrap iipsrv supervisor php8.2-fpm)
policy=/usr/sbin/policy-rc.d

missing() {
  local package
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
  done
}

fail() {
  printf 'error: %s\n  try: %s\n' "$1" "$2" >&2
  exit 1
}

starts_at_boot() {
  compgen -G "/etc/rc2.d/S[0-9][0-9]$1" >/dev/null ||
    { command -v systemctl >/dev/null && [ "$(systemctl is-enabled "$1" 2>/dev/null)" = enabled ]; }
}

keep_from_boot() {
  if command -v systemctl >/dev/null; then systemctl --quiet disable "$1" >&2 || true; fi
  if [ -e "/etc/init.d/$1" ]; then update-rc.d "$1" disable >&2 || true; fi
}

# The packages' scripts ask policy-rc.d before they start a service; 101 means "no".
forbid_starts() {
  [ -e "$policy" ] || [ -L "$policy" ] || {
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
  }
  local answer=0
  "$policy" nginx start >/dev/null 2>&1 || answer=$?
  [ "$answer" = 101 ] || fail "$policy on this machine lets packages start their services (it answers $answer)" \
    "move $policy away while this runs, or install by hand: apt-get install --no-install-recommends $*"
}

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
  fail "this is no Debian: there is no apt-get to install the peers of the tests with" \
    "run them on Debian 12: docker run -it -v \"\$PWD\":/fcgi-pm -w /fcgi-pm node:20-bookworm npm run everything"

mapfile -t wanted < <(missing)
[ "${#wanted[@]}" -gt 0 ] || exit 0
[ "$(id -u)" = 0 ] ||
  fail "the tests need packages that are not installed: ${wanted[*]}" "sudo bash test/install-peers.sh"

before=()
for unit in "${units[@]}"; do
  if starts_at_boot "$unit"; then before+=("$unit"); fi
done

echo "installing for the tests: ${wanted[*]}" >&2
forbid_starts "${wanted[@]}"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install -y --no-install-recommends "${wanted[@]}" >&2 ||
  fail "apt-get could not install: ${wanted[*]}" "read its message above, mend that, and run this again"

# What was not enabled before shall not start at the next boot either.
for unit in "${units[@]}"; do
  if starts_at_boot "$unit" && [[ " ${before[*]} " != *" $unit "* ]]; then keep_from_boot "$unit"; fi
done

mapfile -t wanted < <(missing)
[ "${#wanted[@]}" = 0 ] || fail "still not installed: ${wanted[*]}" "apt-get install ${wanted[*]}"
