/** Diagnostics of open scores, as they are written. */
import * as vscode from 'vscode';
import type { Diagnostic, DiagnosticTag, Severity, SourceRange } from '../../score/diagnostic';
import { renderedDiagnostics } from './analysis';
import type { ScoreLanguageDeps } from './contract';
import type { ScoreDocuments } from './documents';
import { isDoubled } from './doubles';

/** Pause after the last change before a score is checked, milliseconds. */
const debounceMs = 250;
/** Rendering pauses after this time, so that the extension host can answer others, milliseconds. */
const sliceMs = 12;
/** Rendering of all prompts ends after this time; `Validate` renders the rest, milliseconds. */
const renderLimitMs = 3000;

export const diagnosticSource = 'Marianne';

const severities: Readonly<Record<Severity, vscode.DiagnosticSeverity>> = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  info: vscode.DiagnosticSeverity.Information,
};

const tagsOf: Readonly<Record<DiagnosticTag, vscode.DiagnosticTag>> = {
  unnecessary: vscode.DiagnosticTag.Unnecessary,
};

/** The range of a diagnostic in an editor; what has no place is shown in the first line. */
export function editorRange({ range }: Diagnostic): vscode.Range {
  return range === null ? new vscode.Range(0, 0, 0, 0) : rangeIn(range);
}

function rangeIn(range: SourceRange): vscode.Range {
  return new vscode.Range(range.line - 1, range.column - 1, range.endLine - 1, range.endColumn - 1);
}

interface Told {
  readonly version: number;
  readonly diagnostics: readonly Diagnostic[];
}

export class ScoreDiagnostics implements vscode.Disposable {
  private readonly collection = vscode.languages.createDiagnosticCollection('marianne');
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly told = new Map<string, Told>();
  private readonly checking = new Set<string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  /** A check has begun or ended. */
  readonly onDidChange = this.changed.event;
  private readonly disposables: vscode.Disposable[];

  constructor(
    private readonly deps: ScoreLanguageDeps,
    private readonly documents: ScoreDocuments,
  ) {
    const all = (): void => documents.open().forEach((document) => this.schedule(document));
    this.disposables = [
      this.changed,
      this.collection,
      vscode.workspace.onDidOpenTextDocument((document) => this.schedule(document, 0)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.schedule(document)),
      vscode.workspace.onDidCloseTextDocument((document) => this.forget(document.uri)),
      vscode.languages.onDidChangeDiagnostics(({ uris }) => uris.forEach((uri) => this.show(uri))),
      documents.onOutdated(all),
    ];
    documents.open().forEach((document) => this.schedule(document, 0));
  }

  /** What was said of this version of a document; empty when it has not been checked yet. */
  of(document: vscode.TextDocument): readonly Diagnostic[] {
    const told = this.told.get(document.uri.toString());
    return told?.version === document.version ? told.diagnostics : [];
  }

  /** Whether a document is being checked, and what was said of it last; null before the first time. */
  stateOf(document: vscode.TextDocument): {
    readonly checking: boolean;
    readonly told: readonly Diagnostic[] | null;
  } {
    const key = document.uri.toString();
    return { checking: this.checking.has(key), told: this.told.get(key)?.diagnostics ?? null };
  }

  private schedule(document: vscode.TextDocument, delay = debounceMs): void {
    const key = document.uri.toString();
    clearTimeout(this.timers.get(key));
    this.timers.delete(key);
    if (!this.documents.isScore(document)) {
      if (this.told.has(key)) this.forget(document.uri);
      return;
    }
    this.timers.set(
      key,
      setTimeout(() => {
        this.timers.delete(key);
        this.checking.add(key);
        this.changed.fire(document.uri);
        this.check(document)
          .catch((error: unknown) => this.deps.log?.(`checking ${key} failed`, error))
          .finally(() => {
            // Another check of a newer text may wait by now; it says so itself when it begins.
            this.checking.delete(key);
            this.changed.fire(document.uri);
          });
      }, delay),
    );
  }

  /** Checks a document. What was found is dropped when the text has changed meanwhile. */
  private async check(document: vscode.TextDocument): Promise<void> {
    const { version } = document;
    const key = document.uri.toString();
    const isStale = (): boolean => document.isClosed || document.version !== version || this.timers.has(key);
    const analysis = await this.documents.current(document);
    const rendering = renderedDiagnostics(analysis, this.deps.productVersion);
    const began = performance.now();
    let diagnostics: readonly Diagnostic[] = analysis.diagnostics;
    for (let slice = began; ;) {
      if (isStale()) return;
      const step = rendering.next(performance.now() - began > renderLimitMs);
      if (step.done === true) {
        diagnostics = step.value;
        break;
      }
      if (performance.now() - slice < sliceMs) continue;
      await new Promise((resume) => setImmediate(resume));
      slice = performance.now();
    }
    if (isStale()) return;
    this.told.set(key, { version, diagnostics });
    this.show(document.uri);
  }

  /** Shows what was found, without what another YAML extension says already. Does nothing when that is shown. */
  private show(uri: vscode.Uri): void {
    const told = this.told.get(uri.toString());
    if (told === undefined) return;
    const foreign = vscode.languages
      .getDiagnostics(uri)
      .filter(({ source }) => source !== diagnosticSource)
      .map(({ source, range }) => ({ source: source ?? '', line: range.start.line + 1 }));
    const wanted = told.diagnostics
      .filter((diagnostic) => !isDoubled(diagnostic, foreign))
      .map((each) => this.convert(uri, each));
    const shown = this.collection.get(uri) ?? [];
    const same =
      shown.length === wanted.length && wanted.every((each, position) => isSame(each, shown[position]));
    if (!same) this.collection.set(uri, wanted);
  }

  private convert(uri: vscode.Uri, diagnostic: Diagnostic): vscode.Diagnostic {
    const { message, remedy, severity, code, related = [], tags = [] } = diagnostic;
    const text = remedy === null ? message : `${message}\n${remedy}`;
    const result = new vscode.Diagnostic(editorRange(diagnostic), text, severities[severity]);
    const target = this.deps.codeLink?.(code);
    result.source = diagnosticSource;
    result.code = target === undefined ? code : { value: code, target };
    result.relatedInformation = related.map(({ file, range, message: text }) => {
      const place = new vscode.Location(file === null ? uri : vscode.Uri.file(file), rangeIn(range));
      return new vscode.DiagnosticRelatedInformation(place, text);
    });
    result.tags = tags.map((tag) => tagsOf[tag]);
    return result;
  }

  private forget(uri: vscode.Uri): void {
    const key = uri.toString();
    clearTimeout(this.timers.get(key));
    this.timers.delete(key);
    this.told.delete(key);
    this.collection.delete(uri);
    this.changed.fire(uri);
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    for (const disposable of this.disposables.splice(0)) disposable.dispose();
  }
}

function isSame(a: vscode.Diagnostic, b: vscode.Diagnostic | undefined): boolean {
  if (b === undefined || a.message !== b.message || a.severity !== b.severity) return false;
  const [mine, theirs] = [a.relatedInformation ?? [], b.relatedInformation ?? []];
  return (
    a.range.isEqual(b.range) &&
    mine.length === theirs.length &&
    mine.every(
      ({ location, message }, position) =>
        message === theirs[position]?.message && location.range.isEqual(theirs[position].location.range),
    )
  );
}
