import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MAX_PROFILE_BYTES, parseYaml, type ModelLists, type ProfileProblem } from './parse';
import { modelSchema, type InstrumentModel } from './schema';

/** Prices and models in force: the built-in lists with the user's over them. */
export interface PriceBook {
  readonly lists: ModelLists;
  /** When the built-in prices were last looked up. */
  readonly asOf: string;
  /** What was wrong with the user's file; the built-in lists hold then. */
  readonly problems: readonly ProfileProblem[];
  /** Path of the user's file. */
  readonly userFile: string | null;
  /** The models (by identity) that the user's file says something of. */
  readonly fromUser: ReadonlySet<InstrumentModel>;
}

/** Path of a price file below a folder of profiles, built-in or the user's. */
export function priceFile(folder: string): string {
  return join(folder, 'prices', 'models.yaml');
}

const bookSchema = z.strictObject({
  /** When the prices were last looked up; shown with costs. */
  as_of: z.string(),
  lists: z.record(z.string(), z.array(modelSchema)),
});

const amount = z.number().min(0).nullable();
const count = z.number().int().min(1).nullable();
/** A user's model: what is left out stays as the built-in list has it; null says "not known". */
const userModelSchema = z.strictObject({
  name: z.string().min(1),
  context_window: count.optional(),
  cost_per_1k_input: amount.optional(),
  cost_per_1k_output: amount.optional(),
  max_output_tokens: count.optional(),
  max_concurrent: z.number().int().min(1).optional(),
});
const userBookSchema = z.strictObject({
  as_of: z.string().optional(),
  lists: z.record(z.string(), z.array(userModelSchema)),
});

/** What files said the last time: every job loads the catalogue anew, and they hardly ever change. */
const readings = new Map<
  string,
  { readonly text: string; readonly under: object | null; readonly result: unknown }
>();

/** What `read` gives for this text; the result of the last time if neither it nor `under` has changed. */
export function remembered<Result>(
  file: string,
  text: string,
  under: object | null,
  read: () => Result,
): Result {
  const known = readings.get(file);
  if (known?.text === text && known.under === under) return known.result as Result;
  const result = read();
  readings.set(file, { text, under, result });
  return result;
}

/**
 * Reads the built-in price file and, over it, `<userFolder>/prices/models.yaml`. A broken user's file is among the problems and changes nothing.
 * @throws Error when the installation is broken.
 */
export async function loadPrices(builtInFolder: string, userFolder: string | null): Promise<PriceBook> {
  const file = priceFile(builtInFolder);
  const text = await readFile(file, 'utf8');
  const builtIn = remembered(file, text, null, (): PriceBook => {
    const { value, problems } = parseYaml(text, file, bookSchema);
    if (value === null)
      throw new Error(`${file}:${problems[0]?.line ?? 1}: ${problems[0]?.message ?? 'not readable'}`);
    return { lists: value.lists, asOf: value.as_of, problems: [], userFile: null, fromUser: new Set() };
  });
  if (userFolder === null) return builtIn;
  const userFile = priceFile(userFolder);
  try {
    const own = await readFile(userFile, 'utf8');
    return remembered(userFile, own, builtIn, () => withUser(builtIn, userFile, own));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return builtIn;
    return { ...builtIn, problems: [{ file: userFile, line: null, severity: 'error', message }] };
  }
}

function withUser(builtIn: PriceBook, userFile: string, text: string): PriceBook {
  if (Buffer.byteLength(text) > MAX_PROFILE_BYTES) {
    const message = `larger than ${MAX_PROFILE_BYTES} bytes`;
    return { ...builtIn, problems: [{ file: userFile, line: null, severity: 'error', message }] };
  }
  const { value, problems } = parseYaml(text, userFile, userBookSchema);
  if (value === null) return { ...builtIn, problems };
  const fromUser = new Set<InstrumentModel>();
  const lists: Record<string, readonly InstrumentModel[]> = { ...builtIn.lists };
  for (const [name, models] of Object.entries(value.lists)) {
    const before = Object.hasOwn(lists, name) ? (lists[name] ?? []) : [];
    const own = models.map((model) => {
      const merged = modelSchema.parse({ ...before.find((known) => known.name === model.name), ...model });
      fromUser.add(merged);
      return merged;
    });
    const names = new Set(own.map((model) => model.name));
    lists[name] = [...own, ...before.filter((model) => !names.has(model.name))];
  }
  return { ...builtIn, lists, userFile, fromUser };
}
