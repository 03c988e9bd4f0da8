# shellcheck shell=bash
# What `up`, `down` and `install` share: where things are, which processes are ours, which ports are free.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034  # for those who source this
local_home="${DAYBOOK_LOCAL:-$(cd "$here/../.." && pwd)/.local}"

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Prints when a process started, in clock ticks since boot; fails when it is gone or only waits to be reaped.
# A process id alone is not enough to kill by: ids are given out again.
started_at() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  local -a field
  read -ra field <<<"${stat##*) }"
  [[ ${field[0]} != [ZX] ]] && printf '%s' "${field[19]}"
}

# The server NAME of this folder is process PID.
remember() {
  local ticks
  ticks=$(started_at "$2") || return 1
  printf '%s %s\n' "$2" "$ticks" >"$dir/$1.pid"
}

# Prints the process id of the server NAME; fails when it does not run.
running() {
  local pid ticks
  read -r pid ticks 2>/dev/null <"$dir/$1.pid" || return 1
  [[ $(started_at "$pid") == "$ticks" ]] && printf '%s' "$pid"
}

# Polls a condition ten times a second. Usage: wait_for SECONDS COMMAND…
wait_for() {
  local tries=$(($1 * 10))
  shift
  while ! "$@"; do
    ((tries-- > 0)) || return 1
    sleep 0.1
  done
}

stopped() { ! running "$1" >/dev/null; }

# Stops the server NAME with the signals given, mildest first, and waits until it is gone.
stop() {
  local name=$1 pid signal
  shift
  for signal in "$@"; do
    pid=$(running "$name") || break
    kill -s "$signal" "$pid" 2>/dev/null || true
    wait_for 30 stopped "$name" && break
  done
  stopped "$name" || fail "$name does not stop (process $(running "$name"))"
  rm -f "$dir/$name.pid" "$dir/$name.address"
}

# A loopback port nobody listens on, below the range the kernel takes for outgoing connections. Somebody may still take it
# before we do: whoever starts a server tries again with another.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  printf '%s' "$port"
}

# Makes the work folder and holds its lock until this script ends, so that two of them never work on one folder.
# A folder that holds anything else is refused, because `down --remove` deletes it whole.
open_folder() {
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  if [[ ! -e $dir/.daybook-servers ]]; then
    [[ -z $(ls -A "$dir") ]] || fail "$dir is not empty and was not made by up"
    : >"$dir/.daybook-servers"
  fi
  exec 9<"$dir/.daybook-servers"
  flock 9
}

# Rewrites servers.env: one line for each server that runs. It holds the database password.
publish() {
  local name
  for name in kafka postgres; do
    if running "$name" >/dev/null; then cat "$dir/$name.address"; fi
  done | (umask 077 && cat >"$dir/servers.env")
}
