/** Files and folders that a score names. */
import { dirname, resolve } from 'node:path';
import type { ScoreFiles } from '../../score/files';
import { findInjection } from '../../score/injections';
import { isExtensionPath } from '../../score/prompt';
import type { YamlScalar } from '../../score/yaml-node';
import type { Analysis } from './analysis';
import { scalars } from './occurrences';

export interface PathLink {
  readonly from: number;
  readonly end: number;
  /** Absolute; it exists. */
  readonly target: string;
  readonly folder: boolean;
}

/** Fields relative to the folder of the score. */
const besideScore = new Set([
  'template_file',
  'system_prompt_file',
  'working_directory',
  'job_path',
  'review_prompt_template',
]);

/** The path that a scalar names, absolute; null when it names none. */
function targetOf(
  node: YamlScalar,
  path: readonly string[],
  analysis: Analysis,
  files: ScoreFiles,
): string | null {
  if (typeof node.value !== 'string' || node.value === '') return null;
  const { path: scorePath } = analysis.input;
  const last = path.at(-1) ?? '';
  const inRules = path[0] === 'validations';
  const injected = path[0] === 'sheet' && (path[1] === 'prelude' || path[1] === 'cadenzas');
  if (injected && (last === 'file' || last === 'directory')) {
    const workspace = analysis.plan?.workspace ?? dirname(scorePath);
    return node.value.includes('{{') ? null : findInjection(node.value, { files, workspace, scorePath });
  }
  if (path.at(-2) === 'prompt_extensions' || (path[1] === 'prompt_extensions' && path[0] === 'sheet')) {
    return isExtensionPath(node.value) ? resolve(dirname(scorePath), node.value.trim()) : null;
  }
  if (path.length === 1 && last === 'workspace') return resolve(dirname(scorePath), node.value);
  return besideScore.has(last) && !inRules ? resolve(dirname(scorePath), node.value) : null;
}

/** The links of a document to what exists. */
export function linksOf(analysis: Analysis): PathLink[] {
  const { root } = analysis.file;
  if (root === null) return [];
  const { files } = analysis.input;
  const links: PathLink[] = [];
  scalars(root, [], (node, path) => {
    if (node.style === 'literal' || node.style === 'folded') return;
    const target = targetOf(node, path, analysis, files);
    if (target === null || !files.exists(target)) return;
    const shift = node.style === 'quoted' ? 1 : 0;
    links.push({
      from: node.range.offset + shift,
      end: node.range.end - shift,
      target,
      folder: files.isDirectory(target),
    });
  });
  return links;
}
