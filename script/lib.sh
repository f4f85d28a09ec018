# Shared by the scripts in this folder: sourced, never run. Needs bash; nothing else that a fresh Debian lacks.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$ROOT/.venv
export ROOT VENV
# Debian keeps servers out of an ordinary user's PATH
export PATH=$PATH:/usr/sbin:/sbin
# pip's settings of this machine and user hold (an index of one's own, say), Python's search path does not
unset PYTHONPATH PYTHONHOME

say() { printf '== %s\n' "$*"; }
warn() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() {
  warn "$*"
  exit 1
}

# there WHAT: whether a command exists or, with a slash, a file, for which * may stand for a version
there() {
  case $1 in
    */*) compgen -G "$1" >/dev/null ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

# need_debian REASON PACKAGE... -- COMMAND_OR_FILE...
# Installs the Debian packages unless all the commands and files are there already. Says what it does and why; ends the
# script with a sentence that names the packages when it cannot.
need_debian() {
  local reason=$1 packages=() missing=() item
  shift
  while [ "$1" != -- ]; do
    packages+=("$1")
    shift
  done
  shift
  for item; do
    there "$item" || missing+=("$item")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Installing Debian's ${packages[*]}: $reason (missing: ${missing[*]})"
  there apt-get ||
    die "there is no apt-get here. Install by hand what Debian calls ${packages[*]} ($reason), then try again."
  [ "$(id -u)" = 0 ] ||
    die "only root can install packages. Run: sudo apt-get install ${packages[*]}   then try again."
  apt_install "${packages[@]}" || die "apt-get could not install ${packages[*]} ($reason); its message is above."
  for item in "${missing[@]}"; do
    there "$item" || die "${packages[*]} installed, but $item is still missing."
  done
}

# apt_install PACKAGE...
# Installs without a question and without starting any service: slapd and PostgreSQL would otherwise come up on their usual
# ports, and whoever tries syncd did not ask for that.
apt_install() (
  policy=${POLICY_RC_D:-/usr/sbin/policy-rc.d}
  export DEBIAN_FRONTEND=noninteractive
  # a subshell, so that its own trap takes the policy away again however this ends
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\n# made by a script of syncd, which removes it when it has installed its packages\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  apt=(apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
  # the package lists of a fresh machine are empty or old; where they cannot be had, those there are may do
  printed=$("${apt[@]}" update </dev/null 2>&1) || printf '%s\n' "$printed" >&2
  # dpkg has much to say, and it matters only when something went wrong
  printed=$("${apt[@]}" install -y --no-install-recommends "$@" </dev/null 2>&1) || {
    printf '%s\n' "$printed" >&2
    exit 1
  }
)

# find_python: prints the interpreter that the virtual environment is made with: python3.11, on which everything is tested
# first, else the newest Python 3 that is new enough.
find_python() {
  local name
  for name in ${PYTHON:+"$PYTHON"} python3.11 python3.14 python3.13 python3.12 python3; do
    if command -v "$name" >/dev/null 2>&1 && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return 0
    fi
  done
  return 1
}

# free_port PREFERRED...: prints the first of these TCP ports that nobody uses on 127.0.0.1, else any free one.
free_port() {
  "$VENV/bin/python" - "$@" <<'PYTHON'
import socket
import sys

for port in [*map(int, sys.argv[1:]), 0]:
    with socket.socket() as probe:
        # as the servers do: a port whose last connections are just over counts as free (TIME_WAIT, RFC 9293)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(probe.getsockname()[1])
        break
PYTHON
}
