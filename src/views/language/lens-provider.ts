/** CodeLens of scores. */
import * as vscode from 'vscode';
import type { ScoreLanguageDeps, ScoreTarget, SheetTarget } from './contract';
import { lensCommands } from './contract';
import type { ScoreDocuments, TemplateOwner } from './documents';
import { durationText } from './duration';
import type { LensMode, LensPlace } from './lenses';
import { lensPlaces, shiftPlaces, templatePlaces } from './lenses';

/** While a sheet runs its time is told anew so often, milliseconds. */
const tickMs = 1000;

const icons: Readonly<Record<string, string>> = {
  running: 'sync~spin',
  completed: 'pass',
  failed: 'error',
  skipped: 'debug-step-over',
  cancelled: 'circle-slash',
  paused: 'debug-pause',
};

/** A lens that gets its command when it comes into view: a score may have thousands, and VS Code copies every command that it is given. */
class PlannedLens extends vscode.CodeLens {
  constructor(
    range: vscode.Range,
    readonly planned: vscode.Command,
  ) {
    super(range);
  }
}

export class ScoreLenses implements vscode.CodeLensProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeCodeLenses = this.changed.event;
  private readonly disposables: vscode.Disposable[];
  /** The places of the last text that held together, by document. */
  private readonly good = new Map<string, { readonly text: string; readonly places: readonly LensPlace[] }>();
  private tick: NodeJS.Timeout | undefined;

  constructor(
    private readonly deps: ScoreLanguageDeps,
    private readonly documents: ScoreDocuments,
  ) {
    const refresh = (): void => this.changed.fire();
    this.disposables = [
      this.changed,
      documents.onOutdated(refresh),
      vscode.workspace.onDidGrantWorkspaceTrust(refresh),
      vscode.workspace.onDidChangeConfiguration(
        (event) => event.affectsConfiguration('marianne.codeLens') && refresh(),
      ),
      vscode.workspace.onDidCloseTextDocument((document) => this.good.delete(document.uri.toString())),
    ];
    if (deps.onLiveStateChanged !== undefined) this.disposables.push(deps.onLiveStateChanged(refresh));
  }

  async provideCodeLenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
    if (!this.documents.isScore(document)) return [];
    const places = await this.placesOf(document);
    return places.flatMap((place) => this.lensesAt(document, place));
  }

  resolveCodeLens(lens: vscode.CodeLens): vscode.CodeLens {
    if (lens instanceof PlannedLens) lens.command = lens.planned;
    return lens;
  }

  /** The lenses in a template file: the branches, for the sheets of its score. */
  ofTemplate(document: vscode.TextDocument, owner: TemplateOwner): vscode.CodeLens[] {
    if (modeOf(this.deps.setting<unknown>('codeLens', owner.uri)) !== 'all') return [];
    const [key, text] = [document.uri.toString(), document.getText()];
    const good = this.good.get(key);
    const found = templatePlaces(owner.analysis, text);
    if (found !== null) this.good.set(key, { text, places: found });
    const places = found ?? (good === undefined ? [] : shiftPlaces(good.places, good.text, text));
    return places.flatMap((place) => this.lensesAt(owner, place));
  }

  private async placesOf(document: vscode.TextDocument): Promise<readonly LensPlace[]> {
    const mode = modeOf(this.deps.setting<unknown>('codeLens', document.uri));
    if (mode === 'off') return [];
    const key = document.uri.toString();
    const analysis = await this.documents.current(document);
    const { text } = analysis.input;
    const places = lensPlaces(analysis, mode);
    const good = this.good.get(key);
    if (places === null) return good === undefined ? [] : shiftPlaces(good.places, good.text, text);
    // A template that is being written has no branches for a moment: those of before stay.
    if (mode === 'all' && analysis.template?.parsed === null && good !== undefined) {
      const branches = shiftPlaces(good.places, good.text, text).filter(({ kind }) => kind === 'branch');
      return [...places, ...branches];
    }
    this.good.set(key, { text, places });
    return places;
  }

  private lensesAt(score: ScoreTarget, place: LensPlace): vscode.CodeLens[] {
    const range = new vscode.Range(place.line, place.column, place.line, place.column);
    const commands = place.kind === 'score' ? this.scoreCommands(score) : this.sheetCommands(score, place);
    return commands.map((command) => new PlannedLens(range, { ...command, title: spaced(command.title) }));
  }

  private scoreCommands(score: ScoreTarget): vscode.Command[] {
    const target: ScoreTarget = { uri: score.uri, version: score.version };
    const { t } = vscode.l10n;
    const commands: vscode.Command[] = [];
    if (this.mayRun(score)) {
      commands.push({
        title: t('$(play) Run Score'),
        command: lensCommands.submitScore,
        arguments: [target],
      });
    }
    if (this.deps.isTrusted())
      commands.push({ title: t('Validate'), command: lensCommands.validateScore, arguments: [target] });
    const last = this.deps.lastResult?.(score.uri);
    if (last !== undefined) {
      const detail = last.detail === undefined ? '' : ` · ${last.detail}`;
      commands.push({ title: `${iconOf(last.status)} ${wordsOf(last.status)}${detail}`, command: '' });
    }
    return commands;
  }

  /** Restricted Mode runs nothing; an unsaved document is no file that could be played. */
  private mayRun(score: ScoreTarget): boolean {
    return this.deps.isTrusted() && score.uri.scheme === 'file';
  }

  private sheetCommands(score: ScoreTarget, place: LensPlace): vscode.Command[] {
    const [first = 1] = place.sheets;
    const several = place.sheets.length > 1;
    const target: SheetTarget = {
      uri: score.uri,
      version: score.version,
      sheet: first,
      ...(several ? { sheets: place.sheets } : {}),
    };
    const { t } = vscode.l10n;
    const make = (title: string, command: string): vscode.Command => ({
      title,
      command,
      arguments: [target],
    });
    const commands: vscode.Command[] = [];
    const name = rangeText(place.sheets);
    if (this.mayRun(score)) {
      const title = several ? t('$(play) Run one of sheets {0}…', name) : t('$(play) Run sheet {0}', name);
      commands.push(make(title, lensCommands.runSheet));
      if (place.waits && !place.crowded)
        commands.push(make(t('Run with what it needs'), lensCommands.runSheetWithDependencies));
      if (place.kind === 'sheets' && several)
        commands.push(make(t('Run from sheet…'), lensCommands.runFromSheet));
    }
    if (this.deps.isTrusted() && (!place.crowded || commands.length === 0)) {
      commands.push(make(several ? t('Preview prompt…') : t('Preview prompt'), lensCommands.previewPrompt));
    }
    const state = this.stateText(score.uri, place.sheets);
    if (state !== null) commands.push({ title: state, command: '' });
    return commands;
  }

  /** What the sheets of a place are doing, in words; null when nothing is known. */
  private stateText(uri: vscode.Uri, sheets: readonly number[]): string | null {
    const states = sheets.flatMap((sheet) => this.deps.liveState?.(uri, sheet) ?? []);
    const [only] = states;
    if (only === undefined) return null;
    if (states.some(({ status, startedAt }) => status === 'running' && startedAt !== undefined))
      this.tickLater();
    if (sheets.length === 1) {
      const seconds =
        only.status === 'running' && only.startedAt !== undefined
          ? Math.max(0, (Date.now() - only.startedAt) / 1000)
          : only.durationSeconds;
      return `${iconOf(only.status)} ${wordsOf(only.status)}${seconds === undefined ? '' : ` ${durationText(seconds)}`}`;
    }
    const counts = new Map<string, number>();
    for (const { status } of states) counts.set(status, (counts.get(status) ?? 0) + 1);
    return [...counts].map(([status, count]) => `${iconOf(status)} ${count} ${wordsOf(status)}`).join(' ');
  }

  /** One timer for all: it runs only while a lens with a running time is shown. */
  private tickLater(): void {
    this.tick ??= setTimeout(() => {
      this.tick = undefined;
      this.changed.fire();
    }, tickMs);
  }

  dispose(): void {
    clearTimeout(this.tick);
    for (const disposable of this.disposables.splice(0)) disposable.dispose();
  }
}

/** VS Code 1.139 lays a lens out as boxes, between which a common space is lost. */
function spaced(title: string): string {
  return title.replace(/(\$\([^)]+\)) /g, '$1\u00a0').replace(/ (?=\$\()/g, '\u00a0');
}

/** `retry_scheduled` of the wire, for people. */
function wordsOf(status: string): string {
  return status.replaceAll('_', ' ');
}

function iconOf(status: string): string {
  return `$(${Object.hasOwn(icons, status) ? (icons[status] ?? 'clock') : 'clock'})`;
}

function modeOf(setting: unknown): LensMode {
  return setting === 'off' || setting === 'top' ? setting : 'all';
}

/** `3`, `2–6`, `1, 4, 7` or `1, 2, 3, …`. */
function rangeText(sheets: readonly number[]): string {
  const [first = 1] = sheets;
  const last = sheets.at(-1) ?? first;
  if (sheets.length === 1) return String(first);
  if (last - first === sheets.length - 1) return `${first}–${last}`;
  return sheets.length <= 4 ? sheets.join(', ') : `${sheets.slice(0, 3).join(', ')}, …`;
}
