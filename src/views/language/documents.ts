/** The analyses of open scores: one per state of the text, shared by all features. */
import { dirname, isAbsolute, join, resolve } from 'node:path';
import * as vscode from 'vscode';
import type { InstrumentCatalogue } from '../../score/catalogue';
import { diskFiles } from '../../score/disk-files';
import type { ScoreFiles } from '../../score/files';
import type { Analysis } from './analysis';
import { analyse } from './analysis';
import type { ScoreLanguageDeps } from './contract';
import type { LiveModels } from './models';

interface State {
  readonly version: number;
  readonly generation: number;
  readonly analysis: Analysis;
}

export class ScoreDocuments implements vscode.Disposable {
  private readonly states = new Map<string, State>();
  private readonly good = new Map<string, Analysis>();
  private readonly disposables: vscode.Disposable[] = [];
  private readonly outdated = new vscode.EventEmitter<void>();
  private loading: Promise<InstrumentCatalogue> | undefined;
  /** Counts changes outside of the scores' texts: files, instruments. */
  private generation = 0;

  /** Something outside of the scores' texts has changed: what was said of them may be wrong now. */
  readonly onOutdated = this.outdated.event;

  constructor(
    private readonly deps: ScoreLanguageDeps,
    readonly isScore: (document: vscode.TextDocument) => boolean,
  ) {
    const invalidate = (): void => {
      this.generation += 1;
      this.outdated.fire();
    };
    this.disposables.push(
      this.outdated,
      vscode.workspace.onDidSaveTextDocument(invalidate),
      vscode.workspace.onDidCreateFiles(invalidate),
      vscode.workspace.onDidDeleteFiles(invalidate),
      vscode.workspace.onDidRenameFiles(invalidate),
      // Files may have changed while another program had the focus; watching every file that a score names costs more.
      vscode.window.onDidChangeWindowState(({ focused }) => focused && invalidate()),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        // An unsaved template file is read as it stands in its editor.
        if (document.uri.scheme === 'file' && !this.isScore(document) && this.isUsed(document.uri.fsPath))
          invalidate();
      }),
      vscode.workspace.onDidCloseTextDocument((document) => {
        this.states.delete(document.uri.toString());
        this.good.delete(document.uri.toString());
      }),
    );
    if (deps.onCatalogueChanged !== undefined) {
      this.disposables.push(
        deps.onCatalogueChanged(() => {
          this.loading = undefined;
          invalidate();
        }),
      );
    }
  }

  /** Open scores. */
  open(): vscode.TextDocument[] {
    return vscode.workspace.textDocuments.filter((document) => !document.isClosed && this.isScore(document));
  }

  /** The instruments; read once, and again when they change. A failure is tried again by the next caller. */
  catalogue(): Promise<InstrumentCatalogue> {
    if (this.loading !== undefined) return this.loading;
    const loading = this.deps.catalogue();
    this.loading = loading;
    loading.catch(() => {
      if (this.loading === loading) this.loading = undefined;
    });
    return loading;
  }

  /** What these instruments say they have now; those that say nothing are left out. */
  async liveModels(instruments: readonly string[]): Promise<LiveModels> {
    const { liveModels } = this.deps;
    if (liveModels === undefined) return new Map();
    const answers = await Promise.all(
      instruments.map(async (name) => [name, await liveModels(name).catch(() => null)] as const),
    );
    return new Map(answers.flatMap(([name, models]) => (models === null ? [] : [[name, models] as const])));
  }

  /** The analysis of the document as it is now. */
  async current(document: vscode.TextDocument): Promise<Analysis> {
    const catalogue = await this.catalogue();
    const key = document.uri.toString();
    const { version } = document;
    const known = this.states.get(key);
    if (known?.version === version && known.generation === this.generation) return known.analysis;
    const path = this.pathOf(document);
    const analysis = analyse({
      text: document.getText(),
      path,
      cwd: this.cwdOf(document, path),
      files: withEditors(),
      catalogue,
    });
    if (!document.isClosed) {
      this.states.set(key, { version, generation: this.generation, analysis });
      if (analysis.score !== null) this.good.set(key, analysis);
    }
    return analysis;
  }

  /** The last analysis that held together, however old: what is being written seldom does. Null when none ever did. */
  lastGood(document: vscode.TextDocument): Analysis | null {
    const key = document.uri.toString();
    return this.good.get(key) ?? this.states.get(key)?.analysis ?? null;
  }

  /** The path of a score; that of an unsaved one is where it would be saved. */
  private pathOf(document: vscode.TextDocument): string {
    const { fsPath } = document.uri;
    if (isAbsolute(fsPath)) return fsPath;
    return join(vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '/', fsPath);
  }

  private cwdOf(document: vscode.TextDocument, path: string): string {
    const folder = vscode.workspace.getWorkspaceFolder(document.uri)?.uri.fsPath;
    return this.deps.jobFolder?.(document.uri) ?? folder ?? dirname(path);
  }

  private isUsed(path: string): boolean {
    return [...this.states.values()].some(({ analysis }) => {
      const file = analysis.score?.fields.prompt.template_file ?? null;
      return file !== null && resolve(dirname(analysis.input.path), file) === path;
    });
  }

  dispose(): void {
    for (const disposable of this.disposables.splice(0)) disposable.dispose();
    this.states.clear();
    this.good.clear();
  }
}

/** The disk, with the unsaved texts of open editors in place of the files'. */
function withEditors(): ScoreFiles {
  const dirty = new Map<string, vscode.TextDocument>();
  for (const document of vscode.workspace.textDocuments) {
    if (document.isDirty && document.uri.scheme === 'file') dirty.set(document.uri.fsPath, document);
  }
  return { ...diskFiles, readText: (path) => dirty.get(path)?.getText() ?? diskFiles.readText(path) };
}
