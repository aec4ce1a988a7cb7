/** The analyses of open scores: one per state of the text, shared by all features. */
import { dirname, isAbsolute, join, resolve } from 'node:path';
import * as vscode from 'vscode';
import type { InstrumentCatalogue } from '../../score/catalogue';
import { diskFiles } from '../../score/disk-files';
import type { ScoreFiles } from '../../score/files';
import type { Analysis } from './analysis';
import { checkDraft, planDraft, readDraft } from './analysis';
import type { ScoreLanguageDeps } from './contract';
import type { LiveModels } from './models';

interface State {
  readonly version: number;
  readonly generation: number;
  readonly analysis: Promise<Analysis>;
}

/** The open score whose template a file is. */
export interface TemplateOwner {
  readonly uri: vscode.Uri;
  /** Of the score's document. */
  readonly version: number;
  /** The last one that held together. */
  readonly analysis: Analysis;
}

/** Instruments of so many workspaces are kept: who types a path names many. */
const mostCatalogues = 8;
/** A longer text is analysed in steps, so that the extension host answers others in between, UTF-16 units. */
const longText = 20_000;

export class ScoreDocuments implements vscode.Disposable {
  private readonly states = new Map<string, State>();
  /** The newest analysis that is done, and the newest that held together. */
  private readonly latest = new Map<string, { readonly version: number; readonly analysis: Analysis }>();
  private readonly good = new Map<string, Analysis>();
  private readonly disposables: vscode.Disposable[] = [];
  private readonly outdated = new vscode.EventEmitter<void>();
  /** By workspace. */
  private readonly catalogues = new Map<string | null, Promise<InstrumentCatalogue>>();
  private readonly analysed = new vscode.EventEmitter<void>();
  /** An analysis is done, or a score was closed. */
  readonly onAnalysed = this.analysed.event;
  /** Counts changes outside of the scores' texts: files, instruments. */
  private generation = 0;

  /** Something outside of the scores' texts has changed: what was said of them may be wrong now. */
  readonly onOutdated = this.outdated.event;

  constructor(
    private readonly deps: ScoreLanguageDeps,
    readonly isScore: (document: vscode.TextDocument) => boolean,
  ) {
    const invalidate = (): void => this.refresh();
    const reload = (): void => {
      this.catalogues.clear();
      invalidate();
    };
    const files = (paths: readonly vscode.Uri[]): void =>
      paths.some(({ path }) => path.includes('/.marianne/')) ? reload() : invalidate();
    this.disposables.push(
      this.outdated,
      this.analysed,
      vscode.workspace.onDidSaveTextDocument(({ uri }) => files([uri])),
      vscode.workspace.onDidCreateFiles((event) => files(event.files)),
      vscode.workspace.onDidDeleteFiles((event) => files(event.files)),
      vscode.workspace.onDidRenameFiles((event) =>
        files(event.files.flatMap(({ oldUri, newUri }) => [oldUri, newUri])),
      ),
      // Files may have changed while another program had the focus; watching every file that a score names costs more.
      vscode.window.onDidChangeWindowState(({ focused }) => focused && reload()),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        // An unsaved template file is read as it stands in its editor.
        if (
          document.uri.scheme === 'file' &&
          !this.isScore(document) &&
          this.ownerOf(document.uri.fsPath) !== null
        )
          invalidate();
      }),
      vscode.workspace.onDidCloseTextDocument((document) => {
        this.states.delete(document.uri.toString());
        this.latest.delete(document.uri.toString());
        this.good.delete(document.uri.toString());
        this.analysed.fire();
      }),
    );
    if (deps.onCatalogueChanged !== undefined) {
      this.disposables.push(deps.onCatalogueChanged(reload));
    }
  }

  /** Forgets what was found beside the texts: files have changed. */
  refresh(): void {
    this.generation += 1;
    this.outdated.fire();
  }

  /** Open scores. */
  open(): vscode.TextDocument[] {
    return vscode.workspace.textDocuments.filter((document) => !document.isClosed && this.isScore(document));
  }

  /** The instruments for a workspace; read once, and again when they change. A failure is tried again by the next caller. */
  catalogue(workspace: string | null): Promise<InstrumentCatalogue> {
    const known = this.catalogues.get(workspace);
    if (known !== undefined) return known;
    const loading = this.deps.catalogue(workspace);
    const [oldest] = this.catalogues.keys();
    if (this.catalogues.size >= mostCatalogues && oldest !== undefined) this.catalogues.delete(oldest);
    this.catalogues.set(workspace, loading);
    loading.catch(() => {
      if (this.catalogues.get(workspace) === loading) this.catalogues.delete(workspace);
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

  /** The analysis of the document as it is now; one for all who ask. */
  current(document: vscode.TextDocument): Promise<Analysis> {
    const key = document.uri.toString();
    const { version } = document;
    const known = this.states.get(key);
    if (known?.version === version && known.generation === this.generation) return known.analysis;
    const analysis = this.analyse(document, version);
    if (!document.isClosed) this.states.set(key, { version, generation: this.generation, analysis });
    analysis.catch(() => {
      if (this.states.get(key)?.analysis === analysis) this.states.delete(key);
    });
    return analysis;
  }

  private async analyse(document: vscode.TextDocument, version: number): Promise<Analysis> {
    const path = this.pathOf(document);
    const text = document.getText();
    const input = { text, path, cwd: this.cwdOf(document, path), files: withEditors() };
    const breathe = async (): Promise<void> => {
      if (text.length > longText) await new Promise((resume) => setImmediate(resume));
    };
    const parsed = readDraft(input);
    await breathe();
    const read = planDraft(parsed, input.cwd);
    await breathe();
    const catalogue = await this.catalogue(read.plan?.workspace ?? null);
    const analysis = checkDraft(read, { ...input, catalogue });
    const key = document.uri.toString();
    const isNewer = version >= (this.latest.get(key)?.version ?? 0);
    if (!document.isClosed && isNewer) {
      this.latest.set(key, { version, analysis });
      if (analysis.score !== null) this.good.set(key, analysis);
      this.analysed.fire();
    }
    return analysis;
  }

  /** The last analysis that held together, however old: what is being written seldom does. If none ever did, the last one; null before the first. */
  lastGood(document: vscode.TextDocument): Analysis | null {
    const key = document.uri.toString();
    return this.good.get(key) ?? this.latest.get(key)?.analysis ?? null;
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

  /** Template files that open scores name, absolute, sorted. */
  templatePaths(): string[] {
    const paths = [...this.good.values()].flatMap((analysis) => templateFileOf(analysis) ?? []);
    return [...new Set(paths)].sort();
  }

  /** The open score that has this file as its template; the first, when several do. */
  ownerOf(path: string): TemplateOwner | null {
    for (const document of this.open()) {
      const analysis = this.good.get(document.uri.toString());
      if (analysis !== undefined && templateFileOf(analysis) === path)
        return { uri: document.uri, version: document.version, analysis };
    }
    return null;
  }

  dispose(): void {
    for (const disposable of this.disposables.splice(0)) disposable.dispose();
    this.states.clear();
    this.latest.clear();
    this.good.clear();
  }
}

function templateFileOf({ score, input }: Analysis): string | null {
  const file = score?.fields.prompt.template_file ?? null;
  return file === null ? null : resolve(dirname(input.path), file);
}

/** The disk, with the unsaved texts of open editors in place of the files'. */
function withEditors(): ScoreFiles {
  const dirty = new Map<string, vscode.TextDocument>();
  for (const document of vscode.workspace.textDocuments) {
    if (document.isDirty && document.uri.scheme === 'file') dirty.set(document.uri.fsPath, document);
  }
  return { ...diskFiles, readText: (path) => dirty.get(path)?.getText() ?? diskFiles.readText(path) };
}
