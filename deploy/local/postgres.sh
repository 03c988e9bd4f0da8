# shellcheck shell=bash disable=SC2154  # dir comes from the callers
# One private PostgreSQL cluster on loopback, with a password made here.

# Prints the folder of the newest server binaries, version 15 or later; fails when there are none.
postgres_bin() {
  local version
  version=$(find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -path '*/bin/postgres' 2>/dev/null |
    cut -d / -f 5 | sort -n | tail -n 1)
  [[ ${version:-0} -ge 15 ]] && printf '/usr/lib/postgresql/%s/bin' "$version"
}

# PostgreSQL refuses to run as root; then it runs as the user `postgres` that its package made.
as_postgres() {
  if ((EUID == 0)); then (cd / && runuser -u postgres -- "$@" 9<&-); else "$@" 9<&-; fi
}

# Makes the folder of the cluster. Where the user `postgres` cannot reach the work folder (a checkout below /root, say), the
# cluster lives in the machine's own folder for temporary files and the work folder holds a link to it.
make_postgres_home() {
  [[ -e $dir/postgres ]] && return
  if ((EUID == 0)); then
    chmod o+x "$dir"
    if as_postgres test -x "$dir"; then mkdir "$dir/postgres"; else ln -s "$(mktemp -d /var/tmp/daybook-postgres.XXXXXX)" "$dir/postgres"; fi
    chown -H postgres "$dir/postgres"
  else
    mkdir "$dir/postgres"
  fi
}

# The password exists before the cluster does, and the cluster gets its name last: an interrupted start is begun again.
make_cluster() {
  local bin=$1 home=$2
  [[ -e $home/data ]] && return
  rm -rf "$home/data.new"
  (umask 077 && head -c 16 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$home/password")
  if ((EUID == 0)); then chown postgres "$home/password"; fi
  as_postgres "$bin/initdb" -D "$home/data.new" -U postgres -A scram-sha-256 --pwfile="$home/password" \
    --encoding=UTF8 --locale=C --no-sync --no-instructions >/dev/null
  printf "include 'daybook.conf'\n" >>"$home/data.new/postgresql.conf"
  mv "$home/data.new" "$home/data"
}

# Nothing a statement carries reaches the server's log, and writes are as durable as in production.
postgres_conf() {
  cat <<CONF
listen_addresses = '127.0.0.1'
port = $1
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
fsync = on
log_error_verbosity = terse
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
idle_in_transaction_session_timeout = 60s
CONF
  # Every file of the write-ahead log is kept, as where a server is restored to a point in time.
  [[ -z ${DAYBOOK_WAL_ARCHIVE:-} ]] || cat <<CONF
archive_mode = on
archive_command = 'cp %p $2/archive/%f'
CONF
}

start_postgres() {
  running postgres >/dev/null && return
  local bin home port attempt
  bin=$(postgres_bin) || fail "PostgreSQL 15 or later is missing: run deploy/local/install"
  make_postgres_home
  home=$(readlink -f "$dir/postgres")
  make_cluster "$bin" "$home"
  for attempt in 1 2 3; do
    port=$(free_port)
    as_postgres mkdir -p "$home/archive"
    postgres_conf "$port" "$home" >"$home/data/daybook.conf"
    if as_postgres "$bin/pg_ctl" -D "$home/data" -l "$home/log" -s -w -t 60 start; then
      remember postgres "$(head -n 1 "$home/data/postmaster.pid")"
      (umask 077 && printf 'DAYBOOK_POSTGRES=postgres://postgres:%s@127.0.0.1:%s/postgres\n' \
        "$(cat "$home/password")" "$port" >"$dir/postgres.address")
      return
    fi
  done
  fail "PostgreSQL did not start (attempt $attempt); its log is $home/log"
}
