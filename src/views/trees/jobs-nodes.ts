/** The shape of the Jobs tree: which node has which children. Nodes are plain data; what they show is looked up in the store. */
import type { JobStore } from '../store/job-store';
import type { JobModel, SheetModel } from '../store/model';

export type JobsNode =
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'more'; readonly where: 'here' | 'elsewhere'; readonly from: number }
  | { readonly kind: 'job'; readonly job: string }
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
  if (here.length === 0) return jobNodes(jobs, 'elsewhere', 0);
  return [...jobNodes(here, 'here', 0), ...(elsewhere > 0 ? [{ kind: 'elsewhere' } as const] : [])];
}

function jobNodes(jobs: readonly JobModel[], where: 'here' | 'elsewhere', from: number): JobsNode[] {
  const page = jobs.slice(from, from + PAGE_ROWS);
  const next = from + page.length;
  return [
    ...page.map((job): JobsNode => ({ kind: 'job', job: job.id })),
    ...(next < jobs.length ? [{ kind: 'more', where, from: next } as const] : []),
  ];
}

/** Null: the sheets of that job have to be loaded first. */
export function childNodes(node: JobsNode, shape: JobsShape): JobsNode[] | null {
  const { store } = shape;
  switch (node.kind) {
    case 'elsewhere':
      return jobNodes(otherJobs(shape), 'elsewhere', 0);
    case 'more': {
      const jobs =
        node.where === 'here' ? shownJobs(shape).filter((job) => shape.isHere(job)) : otherJobs(shape);
      return jobNodes(jobs, node.where, node.from);
    }
    case 'job': {
      const sheets = store.sheets(node.job);
      if (sheets === undefined) return null;
      const movements = movementsOf(sheets);
      if (movements.length > 0) {
        return movements.map((movement) => ({ kind: 'movement', job: node.job, movement }));
      }
      return sheetNodes(node.job, null, sheets);
    }
    case 'movement':
      return sheetNodes(node.job, node.movement, sheetsOfMovement(store, node.job, node.movement));
    case 'range': {
      const sheets =
        node.movement === null
          ? (store.sheets(node.job) ?? [])
          : sheetsOfMovement(store, node.job, node.movement);
      return sheets
        .filter((sheet) => sheet.num >= node.first && sheet.num <= node.last)
        .map((sheet) => ({ kind: 'sheet', job: node.job, sheet: sheet.num }));
    }
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
      const siblings = here ? shownJobs(shape).filter((other) => shape.isHere(other)) : otherJobs(shape);
      const page = Math.floor(siblings.findIndex((other) => other.id === job.id) / PAGE_ROWS);
      if (page > 0) return { kind: 'more', where: here ? 'here' : 'elsewhere', from: page * PAGE_ROWS };
      return here || !hasHere(shape) ? undefined : { kind: 'elsewhere' };
    }
    case 'movement':
      return { kind: 'job', job: node.job };
    case 'range':
      return node.movement === null
        ? { kind: 'job', job: node.job }
        : { kind: 'movement', job: node.job, movement: node.movement };
    case 'sheet': {
      const sheets = store.sheets(node.job) ?? [];
      const movement =
        movementsOf(sheets).length > 0 ? (store.sheet(node.job, node.sheet)?.movement ?? null) : null;
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

export function sheetsOfMovement(store: JobStore, job: string, movement: number): SheetModel[] {
  return (store.sheets(job) ?? []).filter((sheet) => (sheet.movement ?? 0) === movement);
}

/** Movements that are worth a level of their own; empty when each has but one sheet, or there is only one. */
function movementsOf(sheets: readonly SheetModel[]): number[] {
  const movements = [...new Set(sheets.map((sheet) => sheet.movement ?? 0))].sort((a, b) => a - b);
  return movements.length > 1 && movements.length < sheets.length ? movements : [];
}

/** In the store's order. */
export function shownJobs(shape: JobsShape): readonly JobModel[] {
  return shape.store.list().filter((job) => shape.shows?.(job) ?? true);
}

function hasHere(shape: JobsShape): boolean {
  return shownJobs(shape).some((job) => shape.isHere(job));
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
