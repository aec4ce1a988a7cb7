/**
 * The shim: what stands between the conductor and an agent, and outlives both. POSIX sh (dash, bash 3.2 and later, as `sh` or as
 * `bash`), handed over as text: `sh -c <text> marianne-shim <base> <owner folder> <umask> <n> <conductor pid> <its start time> <n wake words> <agent argv>`.
 * Descriptors: 0 and 1 are the agent's own, 3 is the agent's stderr; 2 is `/dev/null`, because shells write there when a signal
 * ended a command ("Terminated").
 *
 * - Signals are trapped with a handler, not ignored: a handler is reset to the default in the agent. The agent runs in the foreground,
 *   because sh gives background commands an ignored SIGINT and SIGQUIT. The trap runs when the agent has ended; `$?` is the agent's.
 * - `(exec …)` costs the one fork of a plain command; but dash redirects a plain command's stderr in the shell itself, and would say
 *   "Terminated" into the agent's.
 * - On the common path it forks for the agent only. Values come out of files by builtin `read` and parameter expansion.
 * - `set -C` makes `>` an exclusive create. A failed redirection of a builtin that is not special does not end the shell.
 * - An attempt that was given up, settled and cleared away has no claim any more that stops a very late shim; but its spools went before
 *   the claim, so a shim that claims and finds no spool is such a one.
 * - The umask is put back before the agent runs: the private mode is meant for our own files.
 * - A record that could not be written whole (full disk) is tried again on a line of its own for an hour, or until the folder is gone.
 * - At its end it looks first for the conductor that launched it: while that lives, one look at one process is all.
 * - Owner record: highest `epoch-<12 digits>`. A record with `released` is an orderly stop: the person who stopped the conductor does
 *   not want it back because an agent ended. No record at all: somebody removed the state directory.
 * - Its variables start with `mzt_`, so as not to change a variable of the agent.
 */
export const shimText = `trap : HUP INT QUIT USR1 USR2 PIPE ALRM TERM
mzt_base=$1 mzt_owner=$2 mzt_umask=$3 mzt_words=$4 mzt_conductor=$5 mzt_since=$6
mzt_identify() {
  if [ -r /proc/$$/stat ]; then
    IFS= read -r mzt_line <"/proc/$1/stat" || return 1
    set -- \${mzt_line##*) }
    [ $# -ge 20 ] || return 1
    mzt_state=$1
    shift 19
    mzt_start=$1
  else
    set -- $(LC_ALL=C TZ=UTC command -p ps -o stat=,lstart= -p "$1")
    [ $# -ge 2 ] || return 1
    mzt_state=$1
    shift
    mzt_start=$*
  fi
}
mzt_field() {
  mzt_key="\\"$1\\""
  mzt_value=\${mzt_text#*"$mzt_key"}
  [ "$mzt_value" != "$mzt_text" ] || return 1
  mzt_value=\${mzt_value#*:}
  mzt_value=\${mzt_value#"\${mzt_value%%[! ]*}"}
  case $mzt_value in
    '"'*) mzt_value=\${mzt_value#?} mzt_value=\${mzt_value%%'"'*} ;;
    *) mzt_value=\${mzt_value%%[!0-9]*} ;;
  esac
}
mzt_lives() {
  mzt_identify "$1" && [ "$mzt_start" = "$2" ] || return 1
  case $mzt_state in Z* | X*) return 1 ;; esac
}
mzt_owned() {
  mzt_lives "$mzt_conductor" "$mzt_since" && return 0
  for mzt_file in "$mzt_owner"/epoch-????????????; do :; done
  [ -f "$mzt_file" ] || return 0
  mzt_text=
  while IFS= read -r mzt_line || [ -n "$mzt_line" ]; do mzt_text=$mzt_text$mzt_line; done <"$mzt_file"
  case $mzt_text in *'"released":true'* | *'"released": true'*) return 0 ;; esac
  mzt_field pid && mzt_pid=$mzt_value && [ -n "$mzt_pid" ] || return 1
  mzt_field start_time && mzt_then=$mzt_value || return 1
  mzt_lives "$mzt_pid" "$mzt_then"
}
mzt_run() {
  shift "$1"
  (exec "$@" 2>&3 3>&-)
}
mzt_identify $$ || exit 71
umask 077
set -C
printf '%s %s\\n' $$ "$mzt_start" >"$mzt_base.claim" || exit 73
set +C
if [ ! -f "$mzt_base.out.spool" ]; then
  command -p rm -f "$mzt_base.claim"
  exit 73
fi
umask "$mzt_umask"
mzt_run $((mzt_words + 7)) "$@"
mzt_status=$?
umask 077
if ! printf '%s end\\n' "$mzt_status" >>"$mzt_base.exit"; then
  mzt_try=0
  until printf '\\n%s end\\n' "$mzt_status" >>"$mzt_base.exit"; do
    mzt_try=$((mzt_try + 1))
    [ "$mzt_try" -lt 3600 ] && [ -d "\${mzt_base%/*}" ] || exit 74
    command -p sleep 1
  done
fi
[ "$mzt_words" -gt 0 ] || exit 0
mzt_owned && exit 0
shift 6
mzt_rest=$(($# - mzt_words))
while [ "$mzt_words" -gt 0 ]; do
  set -- "$@" "$1"
  shift
  mzt_words=$((mzt_words - 1))
done
shift "$mzt_rest"
set -- /usr/bin/env -i "$@"
[ ! -x /usr/bin/setsid ] || set -- /usr/bin/setsid "$@"
umask "$mzt_umask"
cd /
"$@" </dev/null >/dev/null 2>&1 3>&- &
exit 0
`;

/** `$0` of the shim: what a person sees in `ps`. */
export const shimName = 'marianne-shim';

/** Exit statuses of the shim itself, when it did not run the agent or could not say how it ended (sysexits(3) numbers). */
export const shimStatus = { noIdentity: 71, notClaimed: 73, notRecorded: 74 } as const;

/** How the shim starts a conductor when the owner's is gone. Shown by `ps`: no secrets. */
export interface WakeCommand {
  /** Folder of the owner records (`epoch-<12 digits>`). */
  readonly ownerFolder: string;
  /** Absolute executable first. */
  readonly argv: readonly [string, ...string[]];
  /** Complete environment of the command. */
  readonly env: Readonly<Record<string, string>>;
  /** The conductor that launches, as far as it is known: while it lives, nobody needs to be started. */
  readonly conductor?: { readonly pid: number; readonly startTime: string };
}

/** Arguments for `sh`: text and words, each its own argument; nothing is ever quoted for a shell. */
export function shimArguments(options: {
  readonly base: string;
  /** File mode mask of the agent. */
  readonly umask: number;
  readonly wake: WakeCommand | null;
  readonly argv: readonly string[];
}): string[] {
  const wakeWords = options.wake
    ? [...Object.entries(options.wake.env).map(([name, value]) => `${name}=${value}`), ...options.wake.argv]
    : [];
  return [
    '-c',
    shimText,
    shimName,
    options.base,
    options.wake?.ownerFolder ?? '',
    options.umask.toString(8).padStart(4, '0'),
    String(wakeWords.length),
    String(options.wake?.conductor?.pid ?? ''),
    options.wake?.conductor?.startTime ?? '',
    ...wakeWords,
    ...options.argv,
  ];
}
