#!/usr/bin/env bash
# Installs Watchbook from this checkout on this host, and takes it away again; `make install` and `make uninstall` call it.
#
#   systemd/install.sh install|uninstall      settings in the environment:
#
#   ROLE=agent|collector|both   what to install (nothing is assumed), what to take away (everything, unless it says)
#   DRY_RUN=1                   say what would be done, and do nothing
#   PURGE=1                     uninstall: also configuration, data and users
#   PREFIX=/opt/watchbook       where the programs go
#   PYTHON=python3.11           the Python to use
#   DESTDIR=                    for packagers: a folder that stands for /; no users, no owners, no systemd
#
# PREFIX/versions/ has a venv for each version; PREFIX/current leads to the one in use and is replaced in one step, so that
# an upgrade that fails changes nothing. Run again, it does what is missing.
set -euo pipefail
umask 022
cd "$(dirname "${BASH_SOURCE[0]}")/.."

action=${1:-} ROLE=${ROLE:-} DRY_RUN=${DRY_RUN:-} PURGE=${PURGE:-} PREFIX=${PREFIX:-/opt/watchbook} DESTDIR=${DESTDIR:-}
DESTDIR=${DESTDIR%/}
readonly ETC=/etc/watchbook STATE=/var/lib/watchbook UNITS=/etc/systemd/system SYSUSERS=/etc/sysusers.d BIN=/usr/local/bin
readonly home=$DESTDIR$PREFIX

say() { printf '%s\n' "$*"; }
die() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

# run COMMAND...: do it, or with DRY_RUN only say it.
run() {
  if [ -n "$DRY_RUN" ]; then printf '  would run: %s\n' "$*"; else "$@"; fi
}

check_settings() {
  case $action in install | uninstall) ;; *) die "expected 'install' or 'uninstall', found '$action'" ;; esac
  case $ROLE in
    agent | collector | both) ;;
    '') [ "$action" = uninstall ] || die "say what this host is to be: ROLE=agent, ROLE=collector or ROLE=both" ;;
    *) die "ROLE: expected agent, collector or both, found '$ROLE'" ;;
  esac
  [[ $PREFIX =~ ^(/[A-Za-z0-9._-]+)+$ ]] || die "PREFIX: expected an absolute path without special characters, found '$PREFIX'"
  [[ $PREFIX != *..* ]] || die "PREFIX: expected a path without '..', found '$PREFIX'"
  [[ -z $DESTDIR || $DESTDIR == /* ]] || die "DESTDIR: expected an absolute path, found '$DESTDIR'"
  [ -n "$DESTDIR$DRY_RUN" ] || [ "$(id -u)" -eq 0 ] || die "run it as root, or with DESTDIR= or DRY_RUN=1"
}

has_systemd() { [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]; }
installed() { [ -e "$DESTDIR$UNITS/watchbook-$1.service" ]; }

# The roles that are asked for, one a line; with 'installed' also those that are there.
roles() {
  local role
  for role in collector agent; do
    if [ "$ROLE" = "$role" ] || [ "$ROLE" = both ] || { [ "$1" = installed ] && installed "$role"; }; then say "$role"; fi
  done
}

# ---- the programs

find_python() {
  local candidate real
  for candidate in ${PYTHON:-/usr/bin/python3.11 /usr/bin/python3 python3.11 python3}; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      real=$("$candidate" -c 'import os, sys; print(os.path.realpath(sys._base_executable))')
      if is_open_to_all "$real"; then say "$real"; return; fi
      say "install.sh: $real is no use: the programs' own users cannot reach it" >&2
    fi
  done
  die "needs a Python of this host, 3.11 or newer, with venv (Debian: apt-get install python3.11 python3.11-venv); or PYTHON="
}

# is_open_to_all PATH: whether any user may run it.
is_open_to_all() {
  local path=$1
  while [ "$path" != / ]; do
    [[ $(stat -c %A "$path") == *[xt] ]] || return 1
    path=$(dirname "$path")
  done
}

# A name for what is built: the version, and a hash of what goes into it.
version_id() {
  local version sum
  version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' watchbook/__init__.py)
  sum=$({ find agent collector watchbook config rules pyproject.toml README.md systemd/constraints.txt -type f \
    ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum; say "$python $1 $PREFIX"; } | sha256sum)
  say "$version-${sum:0:12}"
}

build() {
  local id=$1 extras=$2 venv=$home/versions/$1
  if [ -e "$venv/.complete" ]; then say "programs: $PREFIX/versions/$id is there"; return; fi
  say "programs: building $PREFIX/versions/$id for $extras with $python (a minute) …"
  if [ -n "$DRY_RUN" ]; then say "  would run: $python -m venv $venv; pip install '.[$extras]', pinned by systemd/constraints.txt"; return; fi
  rm -rf "$venv"
  trap 'rm -rf "$venv"; rmdir --ignore-fail-on-non-empty "$home/versions" "$home" 2>/dev/null || true' EXIT
  mkdir -p "$venv"
  "$python" -m venv "$venv"
  PIP_CONSTRAINT=$PWD/systemd/constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    "$venv/bin/python" -I -m pip install --quiet ".[$extras]" || die "the programs could not be built; nothing was changed"
  [ -z "$DESTDIR" ] || point_to_prefix "$venv"
  touch "$venv/.complete"
  trap - EXIT
}

# A venv names its own folder: make that the one it will have.
point_to_prefix() {
  grep -rlIF "$DESTDIR" "$1/bin" "$1/pyvenv.cfg" | xargs -r sed -i "s|$DESTDIR$PREFIX|$PREFIX|g"
  "$1/bin/python" -I -m compileall -q -f -s "$DESTDIR" "$1/lib"
}

# check_with ID: the new version must take the configuration that is there, before it takes the place of the old one.
check_with() {
  local role config
  [ -z "$DRY_RUN$DESTDIR" ] || return 0
  "$home/versions/$1/bin/watchbook" --version >/dev/null || die "the new version does not start; nothing was changed"
  for role in $(roles installed); do
    config=$ETC/$role.yaml
    [ ! -e "$config" ] || "$home/versions/$1/bin/watchbook" "$role" check --config-only --config "$config" ||
      die "the new version does not take $config; mend it and run this again. The version in use was not changed"
  done
}

switch_to() {
  local id=$1 old=''
  [ ! -L "$home/current" ] || old=$(readlink "$home/current")
  if [ "$old" = "versions/$id" ]; then return; fi
  run ln -sfn "versions/$id" "$home/current.new"
  run mv -T "$home/current.new" "$home/current"
  if [ -n "$old" ]; then
    run ln -sfn "$old" "$home/previous"
    say "programs: $PREFIX/current leads to $id now, $PREFIX/previous to ${old#versions/}"
  fi
  prune
}

# Old versions go, but for the one before and those that still run.
prune() {
  local folder
  for folder in "$home"/versions/*/; do
    folder=${folder%/}
    case versions/${folder##*/} in "$(readlink "$home/current")" | "$(readlink "$home/previous")" | 'versions/*') continue ;; esac
    if ! grep -qsaF "$PREFIX/versions/${folder##*/}/" /proc/[0-9]*/cmdline; then run rm -rf "$folder"; fi
  done
}

# ---- the host

make_user() {
  local role=$1 user=watchbook-$1 groups=''
  put 0644 "systemd/$user.sysusers" "$SYSUSERS/$user.conf"
  if [ -n "$DESTDIR" ] || id "$user" >/dev/null 2>&1; then return; fi
  if command -v systemd-sysusers >/dev/null; then
    run systemd-sysusers "$SYSUSERS/$user.conf"
  else
    [ "$role" = collector ] || groups=$(getent group adm systemd-journal | cut -d: -f1 | paste -sd,)
    run useradd --system --user-group --home-dir "$STATE/$role" --shell /usr/sbin/nologin ${groups:+--groups "$groups"} "$user"
  fi
  say "user: $user"
}

# put MODE SOURCE TARGET: copy a file, with the folder of the programs as it is here, when it is not there as it should be.
put() {
  local mode=$1 source=$2 target=$DESTDIR$3
  if sed "s|/opt/watchbook|$PREFIX|g" "$source" | cmp -s - "$target"; then return; fi
  say "file: $3"
  if [ -n "$DRY_RUN" ]; then say "  would run: install -D -m $mode $source $target"; return; fi
  sed "s|/opt/watchbook|$PREFIX|g" "$source" | install -D -m "$mode" /dev/stdin "$target.part"
  mv "$target.part" "$target"
}

# A configuration that is there is never touched; when the shipped one has changed since, it is put beside it.
put_config() {
  local name=$1.yaml target=$DESTDIR$ETC/$1.yaml last=$home/shipped/$1.yaml
  run install -d -m 0755 "$DESTDIR$ETC"
  if [ ! -e "$target" ]; then
    say "configuration: $ETC/$name (an example; change it)"
    run install -m 0640 "config/$name" "$target"
  elif ! cmp -s "config/$name" "$target" && ! cmp -s "config/$name" "$last"; then
    say "configuration: $ETC/$name is kept as it is; the shipped one has changed: $ETC/$name.new"
    run install -m 0640 "config/$name" "$target.new"
  else
    say "configuration: $ETC/$name is kept as it is"
  fi
  [ -n "$DESTDIR" ] || run chgrp "watchbook-$1" "$target"
  run install -D -m 0644 "config/$name" "$last"
}

install_role() {
  local role=$1
  put_config "$role"
  run install -d -m 0755 "$DESTDIR$STATE"
  if [ -n "$DESTDIR" ]; then
    run install -d -m 0700 "$DESTDIR$STATE/$role"
  else
    run install -d -m 0700 -o "watchbook-$role" -g "watchbook-$role" "$STATE/$role"
  fi
  put 0644 "systemd/watchbook-$role.service" "$UNITS/watchbook-$role.service"
}

link_word() {
  local link=$DESTDIR$BIN/watchbook
  if [ -e "$link" ] && [ ! -L "$link" ]; then say "command: $BIN/watchbook is another program, left alone"; return; fi
  run install -d -m 0755 "$DESTDIR$BIN"
  run ln -sfn "$PREFIX/current/bin/watchbook" "$link"
}

do_install() {
  local python id extras role
  python=$(find_python)
  extras=$(roles installed | paste -sd,)
  id=$(version_id "$extras")
  build "$id" "$extras"
  for role in $(roles asked); do make_user "$role"; done
  check_with "$id"
  switch_to "$id"
  for role in $(roles asked); do install_role "$role"; done
  link_word
  if has_systemd; then run systemctl daemon-reload; fi
  for role in $(roles installed); do say_next "$role"; done
}

say_next() {
  local unit=watchbook-$1
  if has_systemd && systemctl --quiet is-active "$unit"; then
    say "next: systemctl restart $unit    (until then the version that it was started with goes on)"
    return
  fi
  say "next, for the $1:"
  if [ "$1" = agent ]; then
    say "  name the logs in $ETC/agent.yaml; make a token for $(uname -n) on the collector's host:"
    cat <<'END'
  watchbook collector token create --name HOST --scope ingest
END
    say "  install -m 0600 -o $unit /dev/stdin $ETC/agent.token <<< 'wb_…'"
  fi
  say "  runuser -u $unit -- watchbook $1 check"
  say "  systemctl enable --now $unit"
}

# ---- taking it away

do_uninstall() {
  local role asked
  [ -n "$ROLE" ] || ROLE=both
  asked=$(roles asked)
  for role in $asked; do remove_role "$role"; done
  if ! still_there agent && ! still_there collector; then
    remove_programs
  else
    say "kept: the programs in $PREFIX, for the other role"
  fi
  if has_systemd; then run systemctl daemon-reload; fi
  for role in $asked; do
    if [ -n "$PURGE" ]; then purge_role "$role"; else say_kept "$role"; fi
  done
  [ -z "$PURGE" ] || run rmdir --ignore-fail-on-non-empty "$DESTDIR$ETC" "$DESTDIR$STATE" "$DESTDIR$SYSUSERS" 2>/dev/null || true
}

still_there() { [ "$ROLE" != both ] && [ "$ROLE" != "$1" ] && installed "$1"; }

remove_role() {
  local unit=watchbook-$1
  if has_systemd && installed "$1"; then run systemctl disable --quiet --now "$unit"; fi
  run rm -f "$DESTDIR$UNITS/$unit.service" "$DESTDIR$ETC/$1.yaml.new" "$home/shipped/$1.yaml"
  # The file of a user that is kept names a user that is there.
  [ -z "$PURGE$DESTDIR" ] || run rm -f "$DESTDIR$SYSUSERS/$unit.conf"
  say "removed: $unit"
}

remove_programs() {
  local link=$DESTDIR$BIN/watchbook
  if [ "$(readlink "$link" || true)" = "$PREFIX/current/bin/watchbook" ]; then run rm -f "$link"; fi
  run rm -rf "$home/versions" "$home/current" "$home/previous" "$home/shipped"
  [ ! -d "$home" ] || run rmdir --ignore-fail-on-non-empty "$home"
  say "removed: the programs in $PREFIX"
}

say_kept() {
  local path user=watchbook-$1
  for path in "$ETC/$1.yaml" "$ETC/$1.token" "$STATE/$1" "$UNITS/$user.service.d" "$SYSUSERS/$user.conf"; do
    [ ! -e "$DESTDIR$path" ] || say "kept: $path"
  done
  if [ -z "$DESTDIR" ] && id "$user" >/dev/null 2>&1; then say "kept: the user $user"; fi
}

purge_role() {
  local user=watchbook-$1 etc=$DESTDIR$ETC
  run rm -rf "$DESTDIR$STATE/$1" "$etc/$1.yaml" "$etc/$1.token" "$DESTDIR$UNITS/$user.service.d"
  [ "$1" = agent ] || run rm -f "$etc/webhook.secret"
  say "removed: configuration and data of the $1"
  if [ -z "$DESTDIR" ] && id "$user" >/dev/null 2>&1; then
    run userdel "$user" || say "kept: the user $user; something of it still runs: end it, then: userdel $user"
  fi
}

check_settings
"do_$action"
[ -z "$DRY_RUN" ] || say "nothing was done: DRY_RUN"
