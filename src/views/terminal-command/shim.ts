/** `<state>/bin/mzt`: a program that outlives the extension's folder, which goes with its next update. Pure. */

/** By this line a file is known to be ours. */
export const SHIM_MARK = '# The terminal command of Marianne for VS Code.';

export interface ShimFacts {
  readonly stateDir: string;
  /** VS Code's own Node, for machines that have none or an old one. */
  readonly node: string;
  /** True when `mzt` would not find this state directory by itself. */
  readonly nameState: boolean;
}

/**
 * The shim's text. It runs the newest of the copies in `runtime/`, whose `build.json` is one line of JSON, with the machine's Node if that is
 * 20.19 or newer (package.json, engines), else with VS Code's.
 */
export function shimText({ stateDir, node, nameState }: ShimFacts): string {
  return `#!/bin/sh
${SHIM_MARK}
# Written by "Marianne: Install mzt Command", and again when VS Code or the extension changes.
state=${quoted(stateDir)}
code=${quoted(node)}
${nameState ? ': "${MARIANNE_HOME:=$state}"\nexport MARIANNE_HOME\n' : ''}
newest=0
dist=
for info in "$state"/runtime/*/build.json; do
  [ -f "$info" ] && [ -f "\${info%/*}/cli.js" ] || continue
  line=
  IFS= read -r line <"$info" || [ -n "$line" ] || continue
  at=\${line#*'"built_at":'}
  at=\${at%%[!0-9]*}
  [ -n "$at" ] || continue
  if [ "$at" -ge "$newest" ]; then
    newest=$at
    dist=\${info%/*}
  fi
done
if [ -z "$dist" ]; then
  echo "mzt: $state/runtime holds no build. In VS Code, run \\"Marianne: Install mzt Command\\" again." >&2
  exit 127
fi

# 20.19 or newer?
usable() {
  version=$("$1" --version 2>/dev/null) || return 1
  version=\${version#v}
  major=\${version%%.*}
  minor=\${version#*.}
  minor=\${minor%%.*}
  case $major$minor in '' | *[!0-9]*) return 1 ;; esac
  [ "$major" -gt 20 ] || { [ "$major" -eq 20 ] && [ "$minor" -ge 19 ]; }
}

if usable node; then
  exec node "$dist/cli.js" "$@"
fi
if [ -x "$code" ]; then
  ELECTRON_RUN_AS_NODE=1 exec "$code" "$dist/cli.js" "$@"
fi
echo "mzt: no Node 20.19 or newer is on the PATH, and VS Code's own is not at $code any more." >&2
echo "mzt: open VS Code once, so that Marianne finds it again, or install Node." >&2
exit 127
`;
}

/** A word of the shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
