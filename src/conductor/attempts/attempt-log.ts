import type { OpenOutputLog, OutputLog } from '../../backends/http/output-log';
import { AttemptLogs, type LogTrouble } from '../output/logs';
import { ProgressMeter } from '../output/progress';
import type { Redaction } from '../output/redact';

/** The logs of an attempt whose output comes from within the conductor, through its redaction. */
export function attemptLogOpener(
  redaction: Redaction,
  trouble: (base: string, trouble: LogTrouble) => void,
): OpenOutputLog {
  return async (base, report): Promise<OutputLog> => {
    const meter = new ProgressMeter(report);
    const logs = await AttemptLogs.open({
      base,
      redaction,
      meter,
      onTrouble: (what) => trouble(base, what),
    });
    return {
      write: (stream, text) => logs.write(stream, Buffer.from(text)),
      async end() {
        await logs.finish();
        meter.close();
      },
    };
  };
}
