import type { OpenOutputLog, OutputLog } from '../../backends/http/output-log';
import { AttemptLogs, type LogTrouble, type OutputStream } from '../output/logs';
import { ProgressMeter } from '../output/progress';
import type { Redaction } from '../output/redact';
import { isDiskFull } from './room';

export interface AttemptLogServices {
  readonly redaction: Redaction;
  trouble(base: string, trouble: LogTrouble): void;
  /** Waits until there may be room on the disk again; false = nobody waits any more. */
  roomAgain(): Promise<boolean>;
}

/**
 * The logs of an attempt whose output comes from within the conductor. There is no spool to read again, so what was said is kept in memory until the
 * end: logs that a full disk has cut are written anew when there is room.
 */
export function attemptLogOpener(services: AttemptLogServices): OpenOutputLog {
  return async (base, report): Promise<OutputLog> => {
    const meter = new ProgressMeter(report);
    const said: { readonly stream: OutputStream; readonly text: string }[] = [];
    let diskFull = false;
    const open = (observed: { readonly meter?: ProgressMeter }) =>
      AttemptLogs.open({
        base,
        redaction: services.redaction,
        ...observed,
        onTrouble: (trouble) => {
          diskFull ||= isDiskFull(trouble.code);
          services.trouble(base, trouble);
        },
      });
    let logs = await open({ meter });
    return {
      write(stream, text) {
        said.push({ stream, text });
        return logs.write(stream, Buffer.from(text));
      },
      async end() {
        for (;;) {
          const { stdout, stderr } = await logs.finish();
          if (stdout.lostBytes + stderr.lostBytes === 0 || !diskFull) break;
          if (!(await services.roomAgain())) break;
          diskFull = false;
          logs = await open({});
          for (const { stream, text } of said) await logs.write(stream, Buffer.from(text));
        }
        meter.close();
      },
    };
  };
}
