/** The shape of the Jobs tree: which node has which children. Nodes are plain data; what they show is looked up in the store. */
import type { JobStore } from '../store/job-store';
import type { JobModel, SheetModel } from '../store/model';

export type JobsNode =
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'more'; readonly where: 'here' | 'elsewhere'; readonly from: number }
  | { readonly kind: 'job'; readonly job: string }
  /** Stands for the sheets of a job until the first of them are known. */
  | { readonly kind: 'loading'; readonly job: string }
  | { readonly kind: 'movement'; readonly job: string; readonly movement: number }
  | {
      readonly kind: 'range';
      readonly job: string;
      readonly movement: number | null;
      readonly first: number;
      readonly last: number;
    }
  | { readonly kind: 'sheet'; readonly job: string; readonly sheet: number }
  | { readonly kind: 'attempt'; readonly job: string; readonly sheet: number; readonly attempt: number };

/** Rows of one kind under one node; what is over it comes in groups. */
export const PAGE_ROWS = 200;

/** Unique and stable: VS Code keeps selection and expansion by it. */
export function nodeId(node: JobsNode): string {
  switch (node.kind) {
    case 'elsewhere':
      return 'elsewhere';
    case 'more':
      return `more/${node.where}/${node.from}`;
    case 'job':
      return `job/${node.job}`;
    case 'loading':
      return `job/${node.job}/loading`;
    case 'movement':
      return `job/${node.job}/movement/${node.movement}`;
    case 'range':
      return `job/${node.job}/movement/${node.movement ?? 0}/from/${node.first}`;
    case 'sheet':
      return `job/${node.job}/sheet/${node.sheet}`;
    case 'attempt':
      return `job/${node.job}/sheet/${node.sheet}/attempt/${node.attempt}`;
  }
}

/** False for a range that has grown since, while its sheets were loaded: its id is the same, and it stands for more. */
export function isSameNode(known: JobsNode, node: JobsNode): boolean {
  return known.kind !== 'range' || node.kind !== 'range' || known.last === node.last;
}

export interface JobsShape {
  readonly store: JobStore;
  /** True for a job of this window's folders. */
  isHere(job: JobModel): boolean;
  /** True for a job that the view's filter lets through. Default: all. */
  shows?(job: JobModel): boolean;
}

/** Top of the tree: this window's jobs first, the others in one group under them. */
export function rootNodes(shape: JobsShape): JobsNode[] {
  const jobs = shownJobs(shape);
  const here = jobs.filter((job) => shape.isHere(job));
  const elsewhere = jobs.length - here.length;
  if (here.length === 0) return newestJobs(jobs, 'elsewhere');
  return [...newestJobs(here, 'here'), ...(elsewhere > 0 ? [{ kind: 'elsewhere' } as const] : [])];
}

/** The newest jobs, and a group for each further page of them. */
function newestJobs(jobs: readonly JobModel[], where: 'here' | 'elsewhere'): JobsNode[] {
  const nodes = jobPage(jobs, 0);
  for (let from = PAGE_ROWS; from < jobs.length; from += PAGE_ROWS) nodes.push({ kind: 'more', where, from });
  return nodes;
}

function jobPage(jobs: readonly JobModel[], from: number): JobsNode[] {
  return jobs.slice(from, from + PAGE_ROWS).map((job): JobsNode => ({ kind: 'job', job: job.id }));
}

/** Of a `more` node: its first job and its last one, counted from 1 in the order of the list, and when they were submitted. */
export function pageOfJobs(
  node: Extract<JobsNode, { kind: 'more' }>,
  shape: JobsShape,
): { readonly first: number; readonly last: number; readonly newest: number; readonly oldest: number } {
  const jobs = node.where === 'here' ? hereJobs(shape) : otherJobs(shape);
  const page = jobs.slice(node.from, node.from + PAGE_ROWS);
  return {
    first: node.from + 1,
    last: node.from + page.length,
    newest: page[0]?.submittedAt ?? 0,
    oldest: page.at(-1)?.submittedAt ?? 0,
  };
}

/** Null: the sheets of that job have to be loaded first. */
export function childNodes(node: JobsNode, shape: JobsShape): JobsNode[] | null {
  const { store } = shape;
  switch (node.kind) {
    case 'elsewhere':
      return newestJobs(otherJobs(shape), 'elsewhere');
    case 'more':
      return jobPage(node.where === 'here' ? hereJobs(shape) : otherJobs(shape), node.from);
    case 'job': {
      const sheets = store.sheets(node.job);
      if (sheets === undefined) return null;
      const movements = layoutOf(sheets).movements;
      if (movements.length > 0) {
        return movements.map((movement) => ({ kind: 'movement', job: node.job, movement }));
      }
      return sheetNodes(node.job, null, sheets);
    }
    case 'movement':
      return sheetNodes(node.job, node.movement, sheetsOfMovement(store, node.job, node.movement));
    case 'range':
      return sheetsOfRange(store, node).map((sheet) => ({ kind: 'sheet', job: node.job, sheet: sheet.num }));
    case 'sheet': {
      const attempts = store.sheet(node.job, node.sheet)?.attempts ?? [];
      if (attempts.length < 2) return [];
      return attempts
        .map((attempt): JobsNode => ({
          kind: 'attempt',
          job: node.job,
          sheet: node.sheet,
          attempt: attempt.attempt,
        }))
        .reverse();
    }
    case 'loading':
    case 'attempt':
      return [];
  }
}

/** The node above; undefined at the top. What `reveal` needs. */
export function parentNode(node: JobsNode, shape: JobsShape): JobsNode | undefined {
  const { store } = shape;
  switch (node.kind) {
    case 'elsewhere':
      return undefined;
    case 'more':
      return node.where === 'elsewhere' && hasHere(shape) ? { kind: 'elsewhere' } : undefined;
    case 'job': {
      const job = store.job(node.job);
      if (job === undefined) return undefined;
      const here = shape.isHere(job);
      const siblings = here ? hereJobs(shape) : otherJobs(shape);
      const page = Math.floor(siblings.findIndex((other) => other.id === job.id) / PAGE_ROWS);
      if (page > 0) return { kind: 'more', where: here ? 'here' : 'elsewhere', from: page * PAGE_ROWS };
      return here || !hasHere(shape) ? undefined : { kind: 'elsewhere' };
    }
    case 'loading':
    case 'movement':
      return { kind: 'job', job: node.job };
    case 'range':
      return node.movement === null
        ? { kind: 'job', job: node.job }
        : { kind: 'movement', job: node.job, movement: node.movement };
    case 'sheet': {
      const sheets = store.sheets(node.job) ?? [];
      const movement =
        layoutOf(sheets).movements.length > 0 ? (store.sheet(node.job, node.sheet)?.movement ?? null) : null;
      const siblings = movement === null ? sheets : sheetsOfMovement(store, node.job, movement);
      if (siblings.length > PAGE_ROWS) {
        const range = ranges(node.job, movement, siblings).find(
          ({ first, last }) => node.sheet >= first && node.sheet <= last,
        );
        if (range !== undefined) return range;
      }
      return movement === null
        ? { kind: 'job', job: node.job }
        : { kind: 'movement', job: node.job, movement };
    }
    case 'attempt':
      return { kind: 'sheet', job: node.job, sheet: node.sheet };
  }
}

export function sheetsOfMovement(store: JobStore, job: string, movement: number): readonly SheetModel[] {
  return layoutOf(store.sheets(job) ?? []).byMovement.get(movement) ?? [];
}

/** The sheets that a `range` stands for. */
export function sheetsOfRange(
  store: JobStore,
  { job, movement, first, last }: Extract<JobsNode, { kind: 'range' }>,
): readonly SheetModel[] {
  const sheets = movement === null ? (store.sheets(job) ?? []) : sheetsOfMovement(store, job, movement);
  const from = sheets.findIndex(({ num }) => num >= first);
  const to = sheets.findIndex(({ num }) => num > last);
  return from < 0 ? [] : sheets.slice(from, to < 0 ? sheets.length : to);
}

interface Layout {
  readonly byMovement: ReadonlyMap<number, readonly SheetModel[]>;
  /** Movements that are worth a level of their own; empty when each has but one sheet, or there is only one. */
  readonly movements: readonly number[];
}

/** The store makes a new list when a sheet changes: until then every row of a job of 10,000 sheets finds its place here. */
const layouts = new WeakMap<readonly SheetModel[], Layout>();

function layoutOf(sheets: readonly SheetModel[]): Layout {
  const known = layouts.get(sheets);
  if (known !== undefined) return known;
  const byMovement = new Map<number, SheetModel[]>();
  for (const sheet of sheets) {
    const movement = sheet.movement ?? 0;
    const others = byMovement.get(movement);
    if (others === undefined) byMovement.set(movement, [sheet]);
    else others.push(sheet);
  }
  const movements = [...byMovement.keys()].sort((a, b) => a - b);
  const levels = movements.length > 1 && movements.length < sheets.length;
  const layout = { byMovement, movements: levels ? movements : [] };
  layouts.set(sheets, layout);
  return layout;
}

/** In the store's order. */
export function shownJobs(shape: JobsShape): readonly JobModel[] {
  return shape.store.list().filter((job) => shape.shows?.(job) ?? true);
}

function hasHere(shape: JobsShape): boolean {
  return shownJobs(shape).some((job) => shape.isHere(job));
}

function hereJobs(shape: JobsShape): JobModel[] {
  return shownJobs(shape).filter((job) => shape.isHere(job));
}

function otherJobs(shape: JobsShape): JobModel[] {
  return shownJobs(shape).filter((job) => !shape.isHere(job));
}

function sheetNodes(job: string, movement: number | null, sheets: readonly SheetModel[]): JobsNode[] {
  if (sheets.length > PAGE_ROWS) return ranges(job, movement, sheets);
  return sheets.map((sheet) => ({ kind: 'sheet', job, sheet: sheet.num }));
}

function ranges(
  job: string,
  movement: number | null,
  sheets: readonly SheetModel[],
): Extract<JobsNode, { kind: 'range' }>[] {
  const result: Extract<JobsNode, { kind: 'range' }>[] = [];
  for (let from = 0; from < sheets.length; from += PAGE_ROWS) {
    const page = sheets.slice(from, from + PAGE_ROWS);
    result.push({ kind: 'range', job, movement, first: page[0]?.num ?? 0, last: page.at(-1)?.num ?? 0 });
  }
  return result;
}
