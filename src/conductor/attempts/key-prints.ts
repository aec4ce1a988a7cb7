import { randomBytes, scrypt, scryptSync, timingSafeEqual } from 'node:crypto';
import { closeSync, constants, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { attemptFiles } from '../../protocol/paths';
import { secretForms } from '../output/redact';

/**
 * Prints of the keys that an attempt was started with. Keys are in memory only; a conductor that takes up an attempt whose agent has ended knows
 * none, and would write what the agent said of them into logs and journal. By the prints it finds them in the spool, where they stand in the clear
 * if they stand anywhere, and redacts as the first conductor would have done.
 *
 * A print is a salted scrypt digest and 24 bits of a rolling sum that says where to try it: too few to narrow a key down, enough to try one place in
 * 16 million by mistake. The file is private, as the spool is, and goes with it.
 */
const fileSchema = z.object({
  salt: z.string().regex(/^[0-9a-f]{32}$/),
  keys: z.array(
    z.object({
      name: z.string(),
      forms: z.array(
        z.object({ length: z.int().min(1), sum: z.int().min(0), digest: z.string().regex(/^[0-9a-f]{64}$/) }),
      ),
    }),
  ),
});
export type KeyPrints = z.infer<typeof fileSchema>;
type Print = KeyPrints['keys'][number]['forms'][number];

/** About 10 ms a digest: paid once for a key, and for each guess by whoever wants to know one. */
const cost = { N: 4096, r: 8, p: 1 } as const;
const digestBytes = 32;
const chunkBytes = 1024 * 1024;
/** Places where the sum fits and the digest does not, after which a form is not looked for any more. */
const mostMistakes = 100;

/** One salt for a conductor's life, so that a key is digested once. */
const salt = randomBytes(16);
const known = new Map<string, Promise<Print[]>>();

/** Writes the prints beside the attempt's spools, before it starts. @throws the system's error. */
export async function keepKeyPrints(base: string, secrets: Readonly<Record<string, string>>): Promise<void> {
  const keys = await Promise.all(
    Object.entries(secrets).map(async ([name, value]) => ({ name, forms: await printsOf(value) })),
  );
  if (keys.length === 0) return;
  const path = attemptFiles(base).keys;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const prints: KeyPrints = { salt: salt.toString('hex'), keys };
  writeFileSync(path, JSON.stringify(prints), { flag: 'wx', mode: 0o600 });
}

/** Reads them back; null when the attempt was started without keys, or there are none that can be read. */
export function readKeyPrints(base: string): KeyPrints | null {
  try {
    const descriptor = openSync(attemptFiles(base).keys, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return fileSchema.parse(JSON.parse(readFileSync(descriptor, 'utf8')));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return null;
  }
}

/** Looks for keys in an attempt's output, each until it is found. */
export class KeySearch {
  private readonly salt: Buffer;
  private readonly base: number;
  private readonly found = new Set<string>();
  private open: { readonly print: Print; mistakes: number }[];

  /** @param has names of keys that need not be looked for */
  constructor(prints: KeyPrints, has: ReadonlySet<string>) {
    this.salt = Buffer.from(prints.salt, 'hex');
    this.base = factorOf(this.salt);
    this.open = prints.keys
      .filter(({ name }) => !has.has(name))
      .flatMap(({ forms }) => forms.map((print) => ({ print, mistakes: 0 })));
  }

  /** What has been found so far: values to redact. */
  get values(): readonly string[] {
    return [...this.found].flatMap(withDecoded);
  }

  /** Searches both spools. A missing one holds nothing. */
  async spools(base: string): Promise<void> {
    const files = attemptFiles(base);
    for (const path of [files.stdoutSpool, files.stderrSpool]) await this.file(path);
  }

  text(text: string): void {
    if (text !== '') this.bytes(Buffer.from(text));
  }

  private async file(path: string): Promise<void> {
    const overlap = Math.max(0, ...this.open.map(({ print }) => print.length - 1));
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
      () => null,
    );
    if (!file) return;
    try {
      const buffer = Buffer.alloc(overlap + chunkBytes);
      let kept = 0;
      while (this.open.length > 0) {
        // Reads let others run between two chunks.
        const { bytesRead } = await file.read(buffer, kept, chunkBytes, null);
        if (bytesRead === 0) return;
        const filled = kept + bytesRead;
        this.bytes(buffer.subarray(0, filled));
        kept = Math.min(overlap, filled);
        buffer.copy(buffer, 0, filled - kept, filled);
      }
    } finally {
      await file.close();
    }
  }

  private bytes(bytes: Buffer): void {
    for (const length of new Set(this.open.map(({ print }) => print.length))) this.windows(bytes, length);
  }

  /** Slides a window of this length over the bytes. */
  private windows(bytes: Buffer, length: number): void {
    if (bytes.length < length) return;
    let wanted = this.open.filter(({ print }) => print.length === length);
    let first = 1;
    for (let i = 1; i < length; i += 1) first = Math.imul(first, this.base);
    let sum = 0;
    for (let i = 0; i < bytes.length; i += 1) {
      if (i >= length) sum = (sum - Math.imul(bytes[i - length] ?? 0, first)) | 0;
      sum = (Math.imul(sum, this.base) + (bytes[i] ?? 0)) | 0;
      if (i < length - 1) continue;
      const shown = sum >>> 8;
      for (const candidate of wanted) {
        if (candidate.print.sum !== shown) continue;
        const window = bytes.subarray(i - length + 1, i + 1);
        const digest = scryptSync(window, this.salt, digestBytes, cost);
        if (timingSafeEqual(digest, Buffer.from(candidate.print.digest, 'hex'))) {
          this.found.add(window.toString('utf8'));
          this.drop(candidate);
        } else if (++candidate.mistakes > mostMistakes) this.drop(candidate);
        wanted = wanted.filter((other) => this.open.includes(other));
        if (wanted.length === 0) return;
      }
    }
  }

  private drop(candidate: { readonly print: Print }): void {
    this.open = this.open.filter((other) => other !== candidate);
  }
}

/** A key found inside JSON or a URL stands elsewhere as it is. */
function withDecoded(form: string): string[] {
  const decoded = [() => z.string().parse(JSON.parse(`"${form}"`)), () => decodeURIComponent(form)];
  return [
    form,
    ...decoded.flatMap((decode) => {
      try {
        const value = decode();
        return value === form ? [] : [value];
      } catch {
        return [];
      }
    }),
  ];
}

function printsOf(value: string): Promise<Print[]> {
  let prints = known.get(value);
  if (!prints) {
    if (known.size >= 1000) known.clear();
    prints = Promise.all([...new Set(secretForms(value))].map(printOf));
    known.set(value, prints);
  }
  return prints;
}

async function printOf(form: string): Promise<Print> {
  const bytes = Buffer.from(form);
  const digest = await new Promise<Buffer>((resolve, reject) => {
    scrypt(bytes, salt, digestBytes, cost, (error, key) => (error ? reject(error) : resolve(key)));
  });
  const factor = factorOf(salt);
  const sum = bytes.reduce((total, byte) => (Math.imul(total, factor) + byte) | 0, 0);
  return { length: bytes.length, sum: sum >>> 8, digest: digest.toString('hex') };
}

/** Factor of the rolling sum: odd, so that no byte of a window is lost; out of the salt, so that nobody can aim at it. */
function factorOf(from: Buffer): number {
  return from.readUInt32LE(0) | 1;
}
