import { HTTP_NOT_AVAILABLE } from '../instruments/catalogue';
import { isCliProfile, type InstrumentProfile } from '../instruments/schema';
import { ClaudeCliBackend } from './claude/claude-backend';
import type { Backend } from './contract';
import { CliBackend } from './generic/cli-backend';
import type { ProgramBackendOptions } from './program-backend';
import { UnavailableBackend } from './unavailable-backend';

export type CreateBackendOptions = Omit<ProgramBackendOptions, 'profile'> & {
  readonly profile: InstrumentProfile;
};

/** The backend for one attempt. Never throws: a profile that cannot be run gives a backend whose executions say why. */
export function createBackend(options: CreateBackendOptions): Backend {
  const { profile } = options;
  if (!isCliProfile(profile))
    return new UnavailableBackend(profile.display_name, `${profile.display_name}: ${HTTP_NOT_AVAILABLE}`);
  return profile.cli.driver === 'claude-code'
    ? new ClaudeCliBackend({ ...options, profile })
    : new CliBackend({ ...options, profile });
}
