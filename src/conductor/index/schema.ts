/** `PRAGMA user_version` of an index that this code writes. A larger one is refused, never reset. */
export const indexSchemaVersion = 1;

/**
 * Tables of the index. All instants are milliseconds since the epoch, all costs US dollars.
 * `completed_sheets` is kept by triggers, so that counting is never a scan.
 */
export const schemaSql = `
CREATE TABLE meta (only INTEGER PRIMARY KEY CHECK (only = 1), last_seq INTEGER NOT NULL, journal_id TEXT NOT NULL);
CREATE TABLE run_seq (run TEXT PRIMARY KEY, last_seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE jobs (
  run TEXT PRIMARY KEY, stem TEXT NOT NULL DEFAULT '', name TEXT NOT NULL DEFAULT '', status TEXT NOT NULL DEFAULT 'queued',
  workspace TEXT, score_path TEXT, submitted_at INTEGER, started_at INTEGER, finished_at INTEGER,
  total_sheets INTEGER NOT NULL DEFAULT 0, completed_sheets INTEGER NOT NULL DEFAULT 0, cost_usd REAL NOT NULL DEFAULT 0,
  input_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0, error_message TEXT
) WITHOUT ROWID;
CREATE INDEX jobs_status ON jobs (status);
CREATE INDEX jobs_submitted_at ON jobs (submitted_at);
CREATE TABLE sheets (
  run TEXT NOT NULL, sheet_num INTEGER NOT NULL, status TEXT NOT NULL DEFAULT 'pending', attempts INTEGER NOT NULL DEFAULT 0,
  instrument TEXT, model TEXT, started_at INTEGER, finished_at INTEGER, error_code TEXT, error_message TEXT,
  PRIMARY KEY (run, sheet_num)
) WITHOUT ROWID;
CREATE INDEX sheets_status ON sheets (status);
CREATE TABLE execution_history (
  id INTEGER PRIMARY KEY, run TEXT NOT NULL, sheet_num INTEGER NOT NULL, attempt INTEGER NOT NULL, mode TEXT, instrument TEXT,
  model TEXT, started_at INTEGER, finished_at INTEGER, duration_seconds REAL, exit_code INTEGER, exit_signal INTEGER,
  exit_reason TEXT, outcome TEXT, error_code TEXT, error_message TEXT, pass_percent REAL, input_tokens INTEGER,
  output_tokens INTEGER, cost_usd REAL, prompt_sha256 TEXT, stdout_log TEXT, stderr_log TEXT,
  UNIQUE (run, sheet_num, attempt)
);
CREATE INDEX execution_history_finished_at ON execution_history (finished_at);
CREATE TABLE rule_results (
  run TEXT NOT NULL, sheet_num INTEGER NOT NULL, attempt INTEGER NOT NULL, rule_index INTEGER NOT NULL, type TEXT,
  description TEXT, passed INTEGER NOT NULL, message TEXT, PRIMARY KEY (run, sheet_num, attempt, rule_index)
) WITHOUT ROWID;
CREATE TABLE errors (
  id INTEGER PRIMARY KEY, run TEXT NOT NULL, sheet_num INTEGER, attempt INTEGER, t INTEGER NOT NULL, code TEXT, category TEXT,
  message TEXT
);
CREATE INDEX errors_run ON errors (run, sheet_num);
CREATE TRIGGER sheets_made AFTER INSERT ON sheets WHEN NEW.status = 'completed' BEGIN
  UPDATE jobs SET completed_sheets = completed_sheets + 1 WHERE run = NEW.run;
END;
CREATE TRIGGER sheets_changed AFTER UPDATE OF status ON sheets
WHEN (NEW.status = 'completed') <> (OLD.status = 'completed') BEGIN
  UPDATE jobs SET completed_sheets = completed_sheets + (NEW.status = 'completed') - (OLD.status = 'completed')
  WHERE run = NEW.run;
END;
`;

/** Tables with rows of a run, in the order in which a run is forgotten. */
export const runTables = ['rule_results', 'errors', 'execution_history', 'sheets', 'jobs'] as const;
