import type { Database, SqlJsStatic, Statement } from 'sql.js';
import { faultOf } from '../journal/clock';
import type { Fault } from '../journal/clock';
import type { JournalRecord } from '../journal/record';
import { rowSchemas, sqlOf } from './queries';
import type { IndexQuery } from './queries';
import { rowsOf } from './rows';
import type { Cell, Cells, RowChange } from './rows';
import { indexSchemaVersion, runTables, schemaSql } from './schema';

/** Why an image cannot be used; `newer`: it must not be replaced either. */
export type ImageProblem = 'empty' | 'malformed' | 'other_schema' | 'other_journal' | 'newer';

/** How applying a batch went: a record that SQLite refuses is left out, the others count. */
export interface Applied {
  readonly refused: number;
  readonly fault: Fault | null;
}

const headerBytes = 100;
const magic = 'SQLite format 3\0';

/**
 * Looks at an image without opening it: SQLite opens an empty file as an empty database without an error, and a truncated one
 * as long as nobody reads the missing pages. Offsets: https://www.sqlite.org/fileformat2.html#the_database_header
 */
export function inspectImage(image: Buffer): ImageProblem | null {
  if (image.length === 0) return 'empty';
  if (image.length < headerBytes || image.toString('latin1', 0, magic.length) !== magic) return 'malformed';
  const version = image.readUInt32BE(60);
  if (version > indexSchemaVersion) return 'newer';
  const pageSize = image.readUInt16BE(16) === 1 ? 65536 : image.readUInt16BE(16);
  if (image.readUInt32BE(28) * pageSize !== image.length) return 'malformed';
  return version === indexSchemaVersion ? null : 'other_schema';
}

/** The index in memory. Synchronous; lives in the worker. */
export class IndexDatabase {
  /** Run → seq of the last record of it that was applied: what comes again changes nothing. */
  readonly #runSeq = new Map<string, number>();
  readonly #statements = new Map<string, Statement>();

  private constructor(
    private readonly db: Database,
    readonly lastSeq: number,
  ) {
    db.run('PRAGMA journal_mode = MEMORY');
    for (const [run, seq] of db.exec('SELECT run, last_seq FROM run_seq')[0]?.values ?? []) {
      this.#runSeq.set(String(run), Number(seq));
    }
  }

  /** An index of nothing. */
  static create(sql: SqlJsStatic, journalId: string): IndexDatabase {
    const db = new sql.Database();
    db.exec(schemaSql);
    db.exec(`PRAGMA user_version = ${indexSchemaVersion}`);
    db.run('INSERT INTO meta (only, last_seq, journal_id) VALUES (1, 0, ?)', [journalId]);
    return new IndexDatabase(db, 0);
  }

  /** Opens an image that belongs to this journal. @returns what is wrong with it otherwise. Never throws for its contents. */
  static load(sql: SqlJsStatic, image: Buffer, journalId: string): IndexDatabase | ImageProblem {
    const problem = inspectImage(image);
    if (problem !== null) return problem;
    let db: Database | undefined;
    try {
      db = new sql.Database(image);
      if (db.exec('PRAGMA quick_check(1)')[0]?.values[0]?.[0] !== 'ok') throw new Error('damaged pages');
      const [lastSeq, id] = db.exec('SELECT last_seq, journal_id FROM meta')[0]?.values[0] ?? [];
      if (typeof lastSeq !== 'number') throw new Error('no last_seq');
      if (id !== journalId) {
        db.close();
        return 'other_journal';
      }
      return new IndexDatabase(db, lastSeq);
    } catch {
      db?.close();
      return 'malformed';
    }
  }

  /** Applies records in one transaction; `lastSeq`: every record up to there has been applied now (null = not yet certain). */
  apply(records: readonly JournalRecord[], lastSeq: number | null): Applied {
    try {
      this.#transaction(records, lastSeq);
      return { refused: 0, fault: null };
    } catch {
      // One bad record must not keep the others out: again, each on its own.
    }
    let refused = 0;
    let fault: Fault | null = null;
    for (const record of records) {
      try {
        this.#transaction([record], null);
      } catch (error) {
        refused += 1;
        fault = faultOf(error);
      }
    }
    if (lastSeq !== null) this.#transaction([], lastSeq);
    return { refused, fault };
  }

  /** Rows of an answer. @throws when a row is not what its table promises. */
  query(query: IndexQuery): unknown[] {
    const { sql, params } = sqlOf(query);
    const statement = this.db.prepare(sql);
    try {
      statement.bind(params);
      const rows: unknown[] = [];
      while (statement.step()) rows.push(rowSchemas[query.name].parse(statement.getAsObject()));
      return rows;
    } finally {
      statement.free();
    }
  }

  /** The whole image. */
  export(): Uint8Array {
    return this.db.export();
  }

  close(): void {
    for (const statement of this.#statements.values()) statement.free();
    this.#statements.clear();
    this.db.close();
  }

  #transaction(records: readonly JournalRecord[], lastSeq: number | null): void {
    const touched = new Map<string, number>();
    this.db.run('BEGIN');
    try {
      for (const record of records) {
        const { run, seq } = record;
        if (run === undefined || seq <= (touched.get(run) ?? this.#runSeq.get(run) ?? 0)) continue;
        for (const change of rowsOf(record)) this.#change(change);
        touched.set(run, seq);
      }
      for (const [run, seq] of touched) {
        this.#run(
          'INSERT INTO run_seq VALUES (?, ?) ON CONFLICT (run) DO UPDATE SET last_seq = excluded.last_seq',
          [run, seq],
        );
      }
      if (lastSeq !== null) this.#run('UPDATE meta SET last_seq = MAX(last_seq, ?)', [lastSeq]);
      this.db.run('COMMIT');
    } catch (error) {
      this.db.run('ROLLBACK');
      throw error;
    }
    for (const [run, seq] of touched) this.#runSeq.set(run, seq);
  }

  #change(change: RowChange): void {
    if (change.kind === 'forget') {
      for (const table of runTables) this.#run(`DELETE FROM ${table} WHERE run = ?`, [change.run]);
      return;
    }
    const { table, key, set = {}, once = {}, add = {} } = change;
    const values: Cells = { ...key, ...set, ...once, ...add };
    const columns = Object.keys(values);
    const updates = [
      ...Object.keys(set).map((column) => `${column} = excluded.${column}`),
      ...Object.keys(once).map((column) => `${column} = COALESCE(${table}.${column}, excluded.${column})`),
      ...Object.keys(add).map((column) => `${column} = ${table}.${column} + excluded.${column}`),
    ];
    this.#run(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
      ON CONFLICT (${Object.keys(key).join(', ')}) DO UPDATE SET ${updates.join(', ')}`,
      Object.values(values),
    );
  }

  #run(sql: string, params: Cell[]): void {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    statement.run(params);
  }
}
