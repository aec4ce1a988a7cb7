/** Prelude and cadenzas: files whose text goes into prompts. */
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { Diagnostic } from './diagnostic';
import type { ScoreFiles } from './files';
import type { RuleContext } from './placeholders';
import type { InjectionFields } from './schema/score';
import { TemplateError, renderLenient } from './template';

/** A larger file, and files beyond this sum, are named instead of pasted: no prompt holds them. Bytes. */
const injectionLimits = { file: 1024 * 1024, sum: 4 * 1024 * 1024 } as const;

export interface InjectedTexts {
  readonly context: readonly string[];
  readonly skill: readonly string[];
  readonly tool: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface InjectionOptions {
  readonly files: ScoreFiles;
  readonly workspace: string;
  readonly scorePath: string;
  readonly context: RuleContext;
}

/** Reads injections in order. What is missing or unreadable is skipped and reported: it never fails a sheet. */
export function readInjections(
  injections: readonly InjectionFields[],
  options: InjectionOptions,
): InjectedTexts {
  const texts = { context: [] as string[], skill: [] as string[], tool: [] as string[] };
  const diagnostics: Diagnostic[] = [];
  const reader = new Reader(options.files);
  for (const injection of injections) {
    const written = injection.file ?? injection.directory ?? '';
    const text = readInjection(injection, options, reader);
    if (typeof text === 'string') texts[injection.as].push(text);
    else {
      diagnostics.push({
        code: 'V108',
        severity: 'warning',
        message: `Nothing is injected for \`${written}\`: ${text.problem}.`,
        remedy: 'Paths are relative to the workspace, then to the folder of the score.',
        range: null,
        path: null,
      });
    }
  }
  return { ...texts, diagnostics };
}

/** The path of an injection: its template rendered, looked for in the workspace, then beside the score. Null when it is in neither. */
export function findInjection(
  written: string,
  options: Pick<InjectionOptions, 'files' | 'workspace' | 'scorePath'>,
): string | null {
  const inWorkspace = resolve(options.workspace, written);
  if (options.files.exists(inWorkspace)) return inWorkspace;
  const besideScore = resolve(dirname(options.scorePath), written);
  return options.files.exists(besideScore) ? besideScore : null;
}

function readInjection(
  injection: InjectionFields,
  options: InjectionOptions,
  reader: Reader,
): string | { problem: string } {
  const { files } = options;
  let rendered: string;
  try {
    rendered = renderLenient(injection.file ?? injection.directory ?? '', options.context);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { problem: error.message };
  }
  if (rendered.trim() === '') return { problem: 'its path is empty' };
  const path = findInjection(rendered, options);
  if (path === null) return { problem: `${resolve(options.workspace, rendered)} does not exist` };
  if (injection.file !== null) {
    if (!files.isFile(path)) return { problem: `${path} is not a file` };
    return reader.read(path);
  }
  if (!files.isDirectory(path)) return { problem: `${path} is not a folder` };
  const entries = files.listDir(path).filter((name) => files.isFile(join(path, name)));
  if (entries.length === 0) return { problem: `${path} has no files` };
  return entries.map((name) => `--- Input: ${name} ---\n\n${reader.read(join(path, name))}`).join('\n\n');
}

const kinds: Readonly<Record<string, string>> = {
  '.pdf': 'PDF document',
  ...Object.fromEntries(
    ['.png', '.jpg', '.jpeg', '.gif', '.webp', '.bmp', '.svg', '.tiff'].map((ext) => [ext, 'image']),
  ),
  ...Object.fromEntries(['.doc', '.docx', '.odt'].map((ext) => [ext, 'Word document'])),
  ...Object.fromEntries(['.xls', '.xlsx', '.ods'].map((ext) => [ext, 'spreadsheet'])),
};

/** Reads files up to the limits of one prompt. */
class Reader {
  private left: number = injectionLimits.sum;

  constructor(private readonly files: ScoreFiles) {}

  /** The text of a file, or for one that is no text or too much a note on where it is. */
  read(path: string): string {
    const size = this.files.size(path);
    if (size <= injectionLimits.file && size <= this.left) {
      try {
        const text = this.files.readText(path);
        if (!text.includes('\0')) {
          this.left -= size;
          return text;
        }
      } catch {
        // Not text, or not readable: the note below tells the agent where it is.
      }
    }
    const kind = kinds[extname(path).toLowerCase()] ?? 'file';
    return `[${kind}: ${basename(path)}]\nIts content is not shown here. Open it with your tools: ${path}`;
  }
}
