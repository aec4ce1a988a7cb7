/** V002–V005, V009, V107, V108: files and names. */
import { basename, dirname, resolve } from 'node:path';
import { findInjection } from '../injections';
import { isExtensionPath } from '../prompt';
import type { InjectionFields } from '../schema/score';
import type { CheckContext } from './context';

export function checkFiles(context: CheckContext): void {
  checkWorkspace(context);
  checkBackendPaths(context);
  checkRulePaths(context);
  checkInjectedPaths(context);
  checkVersionNames(context);
}

function checkWorkspace({ plan, files, findings, score }: CheckContext): void {
  const { workspace } = plan;
  const parent = dirname(workspace);
  if (files.isDirectory(workspace)) return;
  const place = {
    code: 'V002',
    severity: 'error',
    path: score.isWritten(['workspace']) ? ['workspace'] : [],
  } as const;
  const file = [workspace, parent].find((path) => files.exists(path) && !files.isDirectory(path));
  if (file !== undefined) {
    findings.add({
      ...place,
      message: `${file} is a file, so the workspace cannot be ${file === workspace ? 'there' : 'in it'}.`,
      remedy: 'Choose another folder.',
    });
    return;
  }
  if (files.isDirectory(parent)) return;
  findings.add({
    ...place,
    message: `The folder ${parent}, in which the workspace lies, does not exist.`,
    remedy: `Create it: mkdir -p ${JSON.stringify(parent)}`,
  });
}

function checkBackendPaths({ score, files, findings }: CheckContext): void {
  const { system_prompt_file: promptFile, working_directory: folder } = score.fields.backend;
  const base = dirname(score.path);
  if (promptFile !== null && !files.isFile(resolve(base, promptFile))) {
    findings.error(
      'V004',
      ['backend', 'system_prompt_file'],
      `The system prompt file ${resolve(base, promptFile)} does not exist.`,
      'Create it, or correct the path: it is relative to the folder of the score.',
    );
  }
  if (folder !== null && !files.isDirectory(resolve(base, folder))) {
    const path = resolve(base, folder);
    const problem = files.exists(path) ? 'is not a folder' : 'does not exist';
    findings.error('V005', ['backend', 'working_directory'], `The working directory ${path} ${problem}.`);
  }
}

function checkRulePaths({ score, plan, files, findings }: CheckContext): void {
  for (const [index, rule] of score.fields.validations.entries()) {
    if (rule.type !== 'content_contains' && rule.type !== 'content_regex') continue;
    const { path } = rule;
    if (path === null || path.includes('{') || files.exists(resolve(plan.workspace, path))) continue;
    findings.warning(
      'V107',
      ['validations', index, 'path'],
      `${resolve(plan.workspace, path)} does not exist now.`,
      'If the sheet writes it, begin the path with `{workspace}/`.',
    );
  }
}

function checkInjectedPaths(context: CheckContext): void {
  const { score, plan, files, findings } = context;
  const check = (injection: InjectionFields, path: readonly PropertyKey[]): void => {
    const written = injection.file ?? injection.directory;
    if (written === null || written.includes('{{')) return;
    const found = findInjection(written, { files, workspace: plan.workspace, scorePath: score.path });
    const isFolder = injection.file === null;
    if (found !== null && (isFolder ? files.isDirectory(found) : files.isFile(found))) return;
    findings.add({
      code: 'V108',
      severity: isFolder && injection.as === 'context' ? 'info' : 'warning',
      path: [...path, isFolder ? 'directory' : 'file'],
      message: `The ${isFolder ? 'folder' : 'file'} \`${written}\` exists neither in the workspace nor beside the score.`,
      remedy: 'It is skipped unless an earlier sheet makes it.',
    });
  };
  for (const [index, injection] of score.fields.sheet.prelude.entries())
    check(injection, ['sheet', 'prelude', index]);
  for (const [num, list] of Object.entries(score.fields.sheet.cadenzas)) {
    for (const [index, injection] of list.entries()) check(injection, ['sheet', 'cadenzas', num, index]);
  }
  const extensions: [readonly string[], readonly PropertyKey[]][] = [
    [score.fields.prompt.prompt_extensions, ['prompt', 'prompt_extensions']],
    ...Object.entries(score.fields.sheet.prompt_extensions).map(
      ([num, items]): [readonly string[], readonly PropertyKey[]] => [
        items,
        ['sheet', 'prompt_extensions', num],
      ],
    ),
  ];
  for (const [items, path] of extensions) {
    for (const [index, item] of items.entries()) {
      if (!isExtensionPath(item) || files.isFile(resolve(dirname(score.path), item.trim()))) continue;
      findings.warning('V108', [...path, index], `The file \`${item}\` does not exist beside the score.`);
    }
  }
}

/** Lines that may speak of the version before: history, comparisons, origins. */
const historyLine =
  /\b(?:histor|changelog|previous|prior|earlier|predecessor|supersede|since|from|based on|was|compared?|unlike|vs)\b/i;

/** A score copied from version N-1 to `…-vN.yaml` often still writes into the old version's workspace. */
function checkVersionNames({ score, findings }: CheckContext): void {
  const version = Number(/-v(\d{1,6})\.ya?ml$/i.exec(basename(score.path))?.[1] ?? 0);
  if (version < 2) return;
  const { index } = score.file;
  const old = new RegExp(`(?<![A-Za-z0-9])v${version - 1}(?![0-9])`, 'gi');
  const strictLines = new Set(
    ['name', 'workspace'].flatMap((key) => findings.rangeOf([key], 'key')?.line ?? []),
  );
  for (let line = 1; line <= index.lineCount; line++) {
    const text = index.lineText(line);
    const strict = strictLines.has(line);
    if (!strict && historyLine.test(text)) continue;
    const match = text.matchAll(old).next().value;
    if (match === undefined) continue;
    const offset = index.lineStart(line) + match.index;
    const range = index.range(offset, offset + match[0].length);
    findings.add({
      code: 'V009',
      severity: strict ? 'error' : 'warning',
      path: [],
      range,
      message: `The file is version ${version}, but this line speaks of v${version - 1}.`,
      remedy: `Change it to v${version}, or is it meant?`,
      fix: { title: `Change to v${version}`, range, newText: `v${version}` },
    });
  }
}
