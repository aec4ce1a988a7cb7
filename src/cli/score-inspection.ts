/** A score, read and judged on this machine without a conductor: what `validate`, `run` and `run --dry-run` share. */
import { resolve } from 'node:path';
import type { InstrumentCatalogue } from '../instruments/catalogue';
import { statePaths } from '../protocol/paths';
import { scoreCatalogue } from '../score/catalogue';
import type { Diagnostic } from '../score/diagnostic';
import type { Score } from '../score/parse';
import type { Plan } from '../score/plan';
import type { RenderedScore } from '../score/render-all';
import { versionOf } from './build-info';
import { loadInstruments } from './catalogue';
import type { CliContext } from './context';
import { stateDirOf } from './state-directory';

export interface InspectionRequest {
  /** As given; relative to the current folder. */
  readonly file: string;
  readonly workspace: string | undefined;
  /** Also render every prompt. */
  readonly render: boolean;
}

export interface Inspection {
  /** Absolute. */
  readonly path: string;
  /** Null when the file cannot be read as text. */
  readonly text: string | null;
  /** Sorted: errors, warnings, infos. */
  readonly diagnostics: readonly Diagnostic[];
  /** Null when the file is no score that could be planned: unreadable, not YAML, wrong fields. */
  readonly score: Score | null;
  readonly plan: Plan | null;
  readonly catalogue: InstrumentCatalogue;
  /** Null when it was not asked for, or when errors leave nothing to render. */
  readonly rendered: RenderedScore | null;
}

/** Reads, checks, plans and, if asked, renders a score. Never throws for what is wrong with the score. */
export async function inspectScore(context: CliContext, request: InspectionRequest): Promise<Inspection> {
  const cwd = context.cwd();
  const path = resolve(cwd, request.file);
  const [{ diskFiles }, { parseScore }, { planScore }, { checkScore }, { renderAll }, { sortDiagnostics }] =
    await Promise.all([
      import('../score/disk-files'),
      import('../score/parse'),
      import('../score/plan-score'),
      import('../score/check'),
      import('../score/render-all'),
      import('../score/findings'),
    ]);
  const nothing = { path, score: null, plan: null, rendered: null };
  let text: string;
  try {
    text = diskFiles.readText(path);
  } catch (error) {
    const catalogue = await loadInstruments(context, null);
    return { ...nothing, text: null, diagnostics: [unreadable(path, error)], catalogue };
  }
  const parsed = parseScore({ text, path });
  const { score } = parsed;
  if (score === null) {
    const catalogue = await loadInstruments(context, null);
    return { ...nothing, text, diagnostics: parsed.diagnostics, catalogue };
  }
  const { workspace } = request;
  const plan = planScore(score, {
    cwd,
    ...(workspace === undefined ? {} : { workspaceOverride: workspace }),
  });
  const catalogue = await loadInstruments(context, plan.workspace);
  const { readUserSettings } = await import('../instruments/user-settings');
  const { baseUrls, executables } = await readUserSettings(statePaths(stateDirOf(context)).config);
  const forScore = scoreCatalogue(catalogue, {
    userUrls: baseUrls,
    environment: context.env,
    programs: { path: context.env['PATH'] ?? '', home: context.home, executables },
  });
  const checked = [
    ...parsed.diagnostics,
    ...checkScore(score, { plan, files: diskFiles, catalogue: forScore }),
  ];
  const rendered =
    request.render && !hasErrors(checked)
      ? renderAll(score, plan, {
          files: diskFiles,
          catalogue: forScore,
          productVersion: versionOf(context).version,
        })
      : null;
  const diagnostics = sortDiagnostics([...checked, ...(rendered?.diagnostics ?? [])]);
  return { path, text, diagnostics, score, plan, catalogue, rendered };
}

export function hasErrors(diagnostics: readonly { readonly severity: string }[]): boolean {
  return diagnostics.some(({ severity }) => severity === 'error');
}

function unreadable(path: string, error: unknown): Diagnostic {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'NOT_TEXT';
  const told: Readonly<Record<string, readonly [string, string]>> = {
    ENOENT: [`there is no file ${path}`, 'Check the path. To write a first score: mzt init'],
    ENOTDIR: [`there is no file ${path}`, 'A part of the path is a file, not a folder.'],
    EISDIR: [`${path} is a folder`, 'Name the score file in it.'],
    NOT_TEXT: [`${path} is not UTF-8 text`, 'Save it as UTF-8.'],
  };
  const [message, remedy] = told[code] ?? [`${path} cannot be read (${code})`, 'Check its permissions.'];
  return { code: 'V000', severity: 'error', message, remedy, range: null, path: null };
}
