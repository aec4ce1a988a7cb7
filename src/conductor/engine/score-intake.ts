import { dirname, isAbsolute, resolve } from 'node:path';
import { checkScore } from '../../score/check';
import { scoreCatalogue } from '../../score/catalogue';
import type { MachineFacts } from '../../score/catalogue';
import type { Diagnostic } from '../../score/diagnostic';
import { diskFiles } from '../../score/disk-files';
import { NotTextError, UnusableFileError } from '../../score/files';
import { parseScore, type Score } from '../../score/parse';
import type { Plan } from '../../score/plan';
import { planScore } from '../../score/plan-score';
import { renderAll, type RenderedScore } from '../../score/render-all';
import { loadTemplateSource, type TemplateSource } from '../../score/template-source';
import { sortDiagnostics } from '../../score/findings';
import type { InstrumentCatalogue } from '../../instruments/catalogue';

/** What a score is read from. */
export interface IntakeRequest {
  /** Absolute, or relative to `cwd`. */
  readonly path: string;
  /** Unsaved text of an editor, in place of the file's. */
  readonly text?: string | null;
  readonly workspace: string | null;
  readonly cwd: string;
  /** The sheet whose prompt somebody wants to see. */
  readonly sheet?: number;
}

/** A score that was read, checked and planned as far as its errors let it. */
export interface Intake {
  readonly path: string;
  readonly diagnostics: readonly Diagnostic[];
  /** Null when there are errors that leave nothing to plan. */
  readonly ready: { readonly score: Score; readonly plan: Plan; readonly template: TemplateSource } | null;
  readonly rendered: RenderedScore | null;
}

/** Loads the instruments that a job in this workspace may use. */
export type LoadCatalogue = (workspace: string | null) => Promise<InstrumentCatalogue>;

/** Reads, checks, plans and renders a score: what validate, dry run, preview and submit share. Starts nothing. */
export async function takeIn(
  request: IntakeRequest,
  loadCatalogue: LoadCatalogue,
  productVersion: string,
  machine: MachineFacts,
): Promise<Intake> {
  const path = isAbsolute(request.path) ? request.path : resolve(request.cwd, request.path);
  let text: string;
  try {
    text = request.text ?? diskFiles.readText(path);
  } catch (error) {
    return { path, diagnostics: [unreadable(path, error)], ready: null, rendered: null };
  }
  const parsed = parseScore({ text, path });
  const { score } = parsed;
  if (!score) return { path, diagnostics: parsed.diagnostics, ready: null, rendered: null };
  const options = {
    cwd: request.cwd,
    ...(request.workspace === null ? {} : { workspaceOverride: request.workspace }),
  };
  const plan = planScore(score, options);
  const catalogue = scoreCatalogue(await loadCatalogue(plan.workspace), machine);
  const checked = checkScore(score, { plan, files: diskFiles, catalogue });
  const loaded = loadTemplateSource(score, diskFiles);
  const diagnostics = [...parsed.diagnostics, ...checked];
  if ('diagnostic' in loaded || diagnostics.some(({ severity }) => severity === 'error')) {
    return { path, diagnostics: sortDiagnostics(diagnostics), ready: null, rendered: null };
  }
  const rendered = renderAll(score, plan, {
    files: diskFiles,
    catalogue,
    productVersion,
    ...(request.sheet === undefined ? {} : { first: request.sheet }),
  });
  return {
    path,
    diagnostics: sortDiagnostics([...diagnostics, ...rendered.diagnostics]),
    ready: { score, plan, template: loaded.source },
    rendered,
  };
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === 'error');
}

function unreadable(path: string, error: unknown): Diagnostic {
  const code = error instanceof NotTextError ? 'not text' : (error as NodeJS.ErrnoException).code;
  const [message, remedy] =
    error instanceof UnusableFileError
      ? [error.message, 'Name the score file itself.']
      : code === 'ENOENT'
        ? [`there is no file ${path}`, `Check the path. To write a first score: mzt init`]
        : code === 'EISDIR'
          ? [`${path} is a folder`, 'Name the score file in it.']
          : code === 'not text'
            ? [`${path} is not UTF-8 text`, 'Save it as UTF-8.']
            : [
                `${path} cannot be read (${code ?? String(error)})`,
                `Check the permissions of the file and of ${dirname(path)}.`,
              ];
  return { code: 'V000', severity: 'error', message, remedy, range: null, path: null };
}
