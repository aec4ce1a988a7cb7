import type { JournalRecord, RecordBody } from '../../src/conductor/journal/record';

const base = 1_700_000_000_000;

/** Numbers records as the journal would. */
export class RecordMaker {
  readonly records: JournalRecord[] = [];

  add(type: string, run: string | undefined, body: RecordBody): JournalRecord {
    const seq = this.records.length + 1;
    const record = { seq, epoch: 1, t: base + seq * 1000, type, body };
    const made = run === undefined ? record : { ...record, run };
    this.records.push(made);
    return made;
  }

  submitted(run: string, sheets: number): void {
    const job = {
      stem: run,
      name: `The ${run}`,
      workspace: '/w',
      score_path: `/s/${run}.yaml`,
      total_sheets: sheets,
    };
    this.add('job.submitted', run, { job });
  }

  status(run: string, status: string, error?: string): void {
    this.add('job.status', run, error === undefined ? { status } : { status, error });
  }

  started(run: string, sheet: number, attempt: number): void {
    this.add('attempt.started', run, {
      sheet,
      attempt,
      mode: attempt === 1 ? 'normal' : 'retry',
      instrument: 'claude',
      model: 'm',
      prompt_sha256: 'ab'.repeat(32),
      base: `jobs/${run}/${sheet}.${attempt}`,
    });
  }

  finished(run: string, sheet: number, attempt: number, good: boolean): void {
    this.add('attempt.finished', run, {
      sheet,
      attempt,
      outcome: good ? 'success' : 'failed',
      exit_code: good ? 0 : 1,
      exit_signal: null,
      exit_reason: 'completed',
      error_code: good ? null : 'E203',
      error_category: good ? null : 'validation',
      error_message: good ? null : 'rule 1 failed',
      duration_seconds: 1.5,
      input_tokens: 100,
      output_tokens: 10,
      cost_usd: 0.25,
      pass_percent: good ? 100 : 50,
      rules: [
        { index: 0, type: 'file_exists', description: 'there', passed: true, message: null },
        {
          index: 1,
          type: 'command_succeeds',
          description: null,
          passed: good,
          message: good ? null : 'exit 1',
        },
      ],
      sheet_status: good ? 'completed' : 'retry_scheduled',
      model: 'm-2',
    });
  }
}

/** An iterable of records, as the journal's store would give it. */
export async function* streamOf(records: readonly JournalRecord[]): AsyncGenerator<JournalRecord> {
  for (const record of records) yield await Promise.resolve(record);
}
