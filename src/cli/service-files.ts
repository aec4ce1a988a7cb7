/** What starts the conductor after a reboot: a systemd user unit, or a launchd agent. Pure. */

export interface ServiceFacts {
  readonly node: string;
  /** `cli.js` in a copy of the build that stays. */
  readonly script: string;
  readonly stateDir: string;
  readonly home: string;
  readonly path: string;
}

export const SYSTEMD_UNIT = 'marianne.service';
export const LAUNCHD_LABEL = 'dev.marianne.conductor';

export function unitPath(home: string, configHome: string | undefined): string {
  return `${configHome === undefined || !configHome.startsWith('/') ? `${home}/.config` : configHome}/systemd/user/${SYSTEMD_UNIT}`;
}

export function plistPath(home: string): string {
  return `${home}/Library/LaunchAgents/${LAUNCHD_LABEL}.plist`;
}

/** A word of a unit file, see systemd.syntax(7): quoted, `%` and `$` doubled. */
function unitWord(text: string): string {
  return `"${text.replaceAll(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
}

/** An assignment of `Environment=`: `$` has no meaning there. */
function unitAssignment(name: string, value: string): string {
  return `"${name}=${value.replaceAll(/[\\"]/g, '\\$&').replaceAll('%', '%%')}"`;
}

/**
 * The unit. `mzt start` leaves a detached conductor and ends: with `KillMode=process` it and its agents live on when the unit is stopped, as they
 * do after a closed terminal.
 */
export function systemdUnit(facts: ServiceFacts): string {
  return `[Unit]
Description=Marianne conductor: goes on with jobs after a reboot
After=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${unitWord(facts.node)} ${unitWord(facts.script)} start --quiet
KillMode=process
Environment=${unitAssignment('MARIANNE_HOME', facts.stateDir)}
Environment=${unitAssignment('PATH', facts.path)}

[Install]
WantedBy=default.target
`;
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** The agent. `AbandonProcessGroup`: launchd leaves the conductor alone when `mzt start` has ended. */
export function launchdPlist(facts: ServiceFacts): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>${LAUNCHD_LABEL}</string>
  <key>ProgramArguments</key>
  <array>
    <string>${xml(facts.node)}</string>
    <string>${xml(facts.script)}</string>
    <string>start</string>
    <string>--quiet</string>
  </array>
  <key>EnvironmentVariables</key>
  <dict>
    <key>MARIANNE_HOME</key><string>${xml(facts.stateDir)}</string>
    <key>PATH</key><string>${xml(facts.path)}</string>
  </dict>
  <key>RunAtLoad</key><true/>
  <key>AbandonProcessGroup</key><true/>
  <key>StandardErrorPath</key><string>${xml(`${facts.stateDir}/log/service.log`)}</string>
</dict>
</plist>
`;
}
