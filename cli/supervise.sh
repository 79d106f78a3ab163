# Stays with workerd once it serves, in place of the launcher's Node (cli/supervisor.ts): a shell needs 2 MB where Node needs 60.
# It has the launcher's process id and so workerd as a child, but one that the shell didn't start: `wait` doesn't know it, /proc does.
#
# Usage: KEDGE_ANNOUNCEMENT=TEXT supervise.sh PARENT WORKERD STARTED LOCK EPHEMERAL
#   TEXT       what to say when signals are being listened to
#   PARENT     the process that this one ends with, 0 for none; the kernel sends TERM then, only an end before that is looked for here
#   WORKERD    its process id, and STARTED its start in ticks since boot, as in /proc/PID/stat
#   LOCK       the lock file of the data directory, removed at the end
#   EPHEMERAL  a directory to remove at the end, empty for none

parent=$1 workerd=$2 started=$3 lock=$4 ephemeral=$5
sleeper=

# A zombie counts as gone, and so does another process that got the same id.
lives() {
  { read -r stat < "/proc/$workerd/stat"; } 2>/dev/null || return 1
  # The second field, the command's name, may hold blanks and brackets: count from its end.
  set -- ${stat##*) }
  [ "$1" != Z ] && [ "$1" != X ] && [ "${20}" = "$started" ]
}

leave() {
  [ -n "$sleeper" ] && kill "$sleeper" 2>/dev/null
  [ -n "$ephemeral" ] && rm -rf "$ephemeral"
  rm -f "$lock"
  exit "$1"
}

# The first signal lets workerd finish what it is at for half a second (it would stay as long as a client is connected), a second one
# doesn't wait. npm passes on a Ctrl-C that the terminal has sent here as well: what comes within a tenth of a second is the same one.
stop() {
  trap '' INT TERM HUP CHLD
  kill -TERM "$workerd" 2>/dev/null
  hurry=
  for turn in 1 2 3 4 5 6 7 8 9 10; do
    lives || leave 0
    [ -n "$hurry" ] && break
    [ "$turn" = 3 ] && trap 'hurry=1' INT TERM HUP
    sleep 0.05
  done
  trap '' INT TERM HUP
  kill -KILL "$workerd" 2>/dev/null
  while lives; do sleep 0.01; done
  leave 0
}

look() {
  lives && return
  trap '' INT TERM HUP CHLD
  echo "kedge: workerd ended by itself" >&2
  leave 1
}

trap stop INT TERM HUP
trap look CHLD
printf '%s\n' "$KEDGE_ANNOUNCEMENT"
[ "$parent" = 0 ] || [ "$PPID" = "$parent" ] || stop

# Waits for signals: their traps do all the work. The sleeper is there because a shell waits for nothing but what it started.
while :; do
  look
  setpriv --pdeathsig KILL sleep 3600 < /dev/null > /dev/null 2>&1 &
  sleeper=$!
  wait "$sleeper"
done
