/** Where a score's job works, decided before it is submitted so that a person can be told. Pure. */
import { dirname, isAbsolute, relative, resolve } from 'node:path';

export interface WorkspaceFacts {
  readonly scorePath: string;
  /** What the score names itself, absolute; null when it names none. */
  readonly written: string | null;
  /** Folders of this window, absolute. */
  readonly folders: readonly string[];
  /** Setting `marianne.jobWorkspace`; '' = not set. */
  readonly setting: string;
}

export interface ChosenWorkspace {
  readonly path: string;
  /** `score`: as the score says, nothing is sent with the submit. */
  readonly source: 'score' | 'setting' | 'folder' | 'score-folder';
}

/** The score's own workspace, else the setting, else the open folder that contains the score, else the score's folder. */
export function chooseWorkspace(facts: WorkspaceFacts): ChosenWorkspace {
  const { scorePath, written, setting } = facts;
  if (written !== null) return { path: written, source: 'score' };
  const folder = folderOf(scorePath, facts.folders);
  const scoreFolder = dirname(scorePath);
  if (setting.trim() !== '') {
    const text = setting
      .trim()
      .replaceAll('${workspaceFolder}', folder ?? scoreFolder)
      .replaceAll('${fileDirname}', scoreFolder);
    return { path: resolve(folder ?? scoreFolder, text), source: 'setting' };
  }
  return folder === null ? { path: scoreFolder, source: 'score-folder' } : { path: folder, source: 'folder' };
}

/** The innermost of the folders that contains a path; null when none does. */
export function folderOf(path: string, folders: readonly string[]): string | null {
  return folders.filter((folder) => contains(folder, path)).sort((a, b) => b.length - a.length)[0] ?? null;
}

/** True for the folder itself and what is in it. */
export function contains(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return inside === '' || (!isAbsolute(inside) && inside !== '..' && !inside.startsWith('../'));
}
