import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BackendOverrides, BackendProgress } from '../../src/backends/contract';
import { HttpConnection } from '../../src/backends/http/connection';
import type { HttpBackend, HttpBackendOptions } from '../../src/backends/http/http-backend';
import type { ExecutionResult } from '../../src/backends/result';
import type { ToolBox } from '../../src/backends/tools/contract';
import { attemptLogOpener } from '../../src/conductor/attempts/attempt-log';
import { systemClock, type Clock } from '../../src/conductor/clock';
import { redactionFor } from '../../src/conductor/attempts/attempt-ends';
import { isHttpProfile, profileSchema, type HttpProfile } from '../../src/instruments/schema';
import { SILENT_CONFIG, type InstrumentConfig } from '../../src/score/plan';

/** A key that looks like no real one's shape: only its value tells that it is a secret. */
export const TEST_KEY = 'test-key-7d31f09ac2b84e56';

export const TEST_INSTALLATION = '0b9c4ab2-5a53-4a25-9a52-0b6c5f6f2a11';

/** An HTTP profile, checked as one from a file is. */
export function httpProfile(
  family: HttpProfile['http']['schema_family'],
  baseUrl: string,
  more: Record<string, unknown> = {},
): HttpProfile {
  const profile = profileSchema.parse({
    name: 'vendor',
    display_name: 'Vendor',
    kind: 'http',
    default_model: 'model-1',
    default_timeout_seconds: 20,
    http: { base_url: baseUrl, schema_family: family, auth_env_var: 'VENDOR_API_KEY' },
    ...more,
  });
  if (!isHttpProfile(profile)) throw new Error('no HTTP profile');
  return profile;
}

export interface HttpAttempt {
  readonly url: string;
  readonly profile: HttpProfile;
  readonly config?: Partial<InstrumentConfig>;
  /** Null = none is sent. */
  readonly key?: string | null;
  readonly environment?: Readonly<Record<string, string>>;
  readonly tools?: ToolBox | null;
  readonly overrides?: BackendOverrides;
  readonly preamble?: string;
  readonly extensions?: readonly string[];
  readonly prompt?: string;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly onProgress?: (seen: BackendProgress) => void;
}

export interface HttpAttemptOutcome {
  readonly result: ExecutionResult;
  readonly stdoutLog: string;
  readonly stderrLog: string;
  readonly progress: readonly BackendProgress[];
}

/** A vendor's class without logs and tools, for what is asked outside an attempt. Ended after `use`, with its connection unless that one is shared. */
export async function withBackend<T>(
  Vendor: new (options: HttpBackendOptions) => HttpBackend,
  attempt: Pick<HttpAttempt, 'url' | 'profile' | 'config' | 'key'> & { readonly keyName?: string | null },
  use: (backend: HttpBackend) => Promise<T>,
  shared: HttpConnection | null = null,
): Promise<T> {
  const { key = TEST_KEY } = attempt;
  const connection = shared ?? new HttpConnection();
  const backend = new Vendor({
    profile: attempt.profile,
    config: { ...SILENT_CONFIG, ...attempt.config },
    connection,
    endpoint: {
      baseUrl: attempt.url,
      keyName: attempt.keyName ?? (key === null ? null : 'VENDOR_API_KEY'),
      key,
    },
    environment: {},
    workspace: '/',
    tools: null,
    openLog: null,
    clock: systemClock,
    installationId: () => Promise.resolve(TEST_INSTALLATION),
  });
  try {
    return await use(backend);
  } finally {
    await backend.close();
    if (shared === null) await connection.close();
  }
}

/** One attempt of a vendor's class, with the conductor's own logs and redaction, against a server that listens already. */
export async function playHttp(
  Vendor: new (options: HttpBackendOptions) => HttpBackend,
  attempt: HttpAttempt,
): Promise<HttpAttemptOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'mzt-http-'));
  const connection = new HttpConnection();
  const { key = TEST_KEY } = attempt;
  const progress: BackendProgress[] = [];
  const backend = new Vendor({
    profile: attempt.profile,
    config: { ...SILENT_CONFIG, ...attempt.config },
    connection,
    endpoint: { baseUrl: attempt.url, keyName: key === null ? null : 'VENDOR_API_KEY', key },
    environment: attempt.environment ?? {},
    workspace: folder,
    tools: attempt.tools ?? null,
    openLog: attemptLogOpener({
      redaction: redactionFor(key === null ? {} : { VENDOR_API_KEY: key }),
      trouble: () => undefined,
      roomAgain: () => Promise.resolve(false),
    }),
    clock: attempt.clock ?? systemClock,
    installationId: () => Promise.resolve(TEST_INSTALLATION),
  });
  try {
    const base = join(folder, '1.1');
    backend.setOutputLogPath(base);
    if (attempt.preamble !== undefined) backend.setPreamble(attempt.preamble);
    if (attempt.extensions) backend.setPromptExtensions(attempt.extensions);
    const release = await backend.overrideLock.acquire();
    backend.applyOverrides(attempt.overrides ?? {});
    const result = await backend.execute(attempt.prompt ?? 'Say hello.', {
      ...(attempt.signal ? { signal: attempt.signal } : {}),
      onProgress: (seen) => {
        progress.push(seen);
        attempt.onProgress?.(seen);
      },
    });
    release();
    // What is refused before the attempt begins makes no logs.
    const read = (stream: string) =>
      existsSync(`${base}.${stream}.log`) ? readFileSync(`${base}.${stream}.log`, 'utf8') : '';
    return { result, stdoutLog: read('stdout'), stderrLog: read('stderr'), progress };
  } finally {
    await backend.close();
    await connection.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
