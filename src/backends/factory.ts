import { unavailableNote } from '../instruments/catalogue';
import { isCliProfile, isHttpProfile, type InstrumentProfile } from '../instruments/schema';
import { ClaudeCliBackend } from './claude/claude-backend';
import type { Backend } from './contract';
import { CliBackend } from './generic/cli-backend';
import type { HttpBackend, HttpBackendOptions } from './http/http-backend';
import type { HttpRoom } from './http/http-room';
import type { ProgramBackendOptions } from './program-backend';
import { UnavailableBackend } from './unavailable-backend';

export type CreateBackendOptions = Omit<ProgramBackendOptions, 'profile'> & {
  readonly profile: InstrumentProfile;
};

/** The backend for one attempt. Never throws: a profile that cannot be run gives a backend whose executions say why. */
export function createBackend(options: CreateBackendOptions): Backend {
  const { profile } = options;
  if (!isCliProfile(profile)) return unavailable(profile, 'is called over HTTP and runs no program');
  return profile.cli.driver === 'claude-code'
    ? new ClaudeCliBackend({ ...options, profile })
    : new CliBackend({ ...options, profile });
}

export type CreateHttpBackendOptions = Omit<HttpBackendOptions, 'connection' | 'profile'> & {
  readonly profile: InstrumentProfile;
};

/** The backend for one attempt of an HTTP instrument, by its `http.schema_family`. Never throws. */
export function createHttpBackend(
  room: HttpRoom,
  options: CreateHttpBackendOptions,
): HttpBackend | UnavailableBackend {
  const { profile } = options;
  if (!isHttpProfile(profile)) return unavailable(profile, 'is a program and is not called over HTTP');
  const note = unavailableNote(profile);
  return note === null ? room.create({ ...options, profile }) : unavailable(profile, note);
}

function unavailable(profile: InstrumentProfile, why: string): UnavailableBackend {
  return new UnavailableBackend(profile.display_name, `${profile.display_name}: ${why}`);
}
