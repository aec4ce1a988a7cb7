import type { PreparedProcess } from './contract';

/** A call as it may be shown to people and kept: no values of variables, no prompt text. Snake case: it crosses the socket. */
export interface PreparedDescription {
  /** Arguments longer than 2,000 characters are shortened. */
  readonly argv: readonly string[];
  /** Names only. */
  readonly environment: readonly string[];
  readonly cwd: string;
  /** Bytes of the prompt on stdin; null = nothing on stdin. */
  readonly stdin_bytes: number | null;
  readonly first_output_timeout_seconds: number | null;
  readonly idle_timeout_seconds: number | null;
  readonly timeout_seconds: number;
}

const SHOWN_CHARACTERS = 2_000;

/** Describes a prepared call for `mzt diagnose`. */
export function describePrepared(prepared: PreparedProcess): PreparedDescription {
  return {
    argv: prepared.argv.map((argument) =>
      argument.length <= SHOWN_CHARACTERS
        ? argument
        : `${argument.slice(0, SHOWN_CHARACTERS)}… (${argument.length - SHOWN_CHARACTERS} more)`,
    ),
    environment: Object.keys(prepared.env).sort(),
    cwd: prepared.cwd,
    stdin_bytes: prepared.stdin === null ? null : Buffer.byteLength(prepared.stdin),
    first_output_timeout_seconds: prepared.timers.firstOutputSeconds,
    idle_timeout_seconds: prepared.timers.idleSeconds,
    timeout_seconds: prepared.timers.totalSeconds,
  };
}
