/** The ways to show a job that is followed. */
import type { WireEvent } from '../../protocol/events';
import type { CliContext } from '../context';
import type { Output } from '../output';
import { jobStyle } from '../text/job-style';
import { statusWord } from '../text/symbols';
import { liveLines } from './live-view';
import { Painter } from './painter';
import { plainLine } from './plain';
import type { JobTracker } from './tracker';

export interface FollowRenderer {
  /** A whole record was loaded: at first, and after each reconnection. */
  loaded(tracker: JobTracker): void;
  event(event: WireEvent, tracker: JobTracker): void;
  /** Something that is no event: the connection was lost or found again. */
  notice(text: string): void;
  /** The last call; what was drawn only for the moment is gone after it. */
  end(): void;
}

const FRAME_MS = 120;

/** On a terminal: a picture that is redrawn in place. */
export function liveRenderer(context: CliContext, output: Output): FollowRenderer {
  const painter = new Painter(context.stdout);
  let shown: JobTracker | null = null;
  const draw = () => {
    if (shown === null) return;
    const size = { columns: context.stdout.columns ?? 80, rows: context.stdout.rows ?? 24 };
    painter.draw(liveLines(shown, jobStyle(context, output), size));
  };
  const timer = setInterval(draw, FRAME_MS);
  const stopResize = context.onResize(draw);
  return {
    loaded(tracker) {
      shown = tracker;
      draw();
    },
    event(_event, tracker) {
      shown = tracker;
    },
    notice: (text) => painter.above(output.out.dim(text)),
    end() {
      clearInterval(timer);
      stopResize();
      painter.clear();
    },
  };
}

/** Elsewhere: a line for each event. */
export function plainRenderer(output: Output): FollowRenderer {
  let first = true;
  const told = new Set<number>();
  return {
    loaded(tracker) {
      if (!first || tracker.job === null) return;
      first = false;
      // What happened before we looked.
      for (const sheet of tracker.list()) {
        if (sheet.status === 'pending' || told.has(sheet.sheet_num)) continue;
        const name = sheet.description === null ? '' : ` (${sheet.description})`;
        output.line(`sheet ${sheet.sheet_num}${name}: ${statusWord(sheet.status)}`);
      }
    },
    event(event, tracker) {
      const nameOf = (sheet: number) =>
        tracker.list().find((one) => one.sheet_num === sheet)?.description ?? null;
      const line = plainLine(event, nameOf);
      if (line === null) return;
      output.line(line);
      if (typeof event.sheet === 'number') told.add(event.sheet);
    },
    notice: (text) => output.aside(text),
    end: () => undefined,
  };
}

/** With --json: first what had happened when we began to look, then an event a line. */
export function jsonRenderer(output: Output): FollowRenderer {
  let first = true;
  return {
    loaded({ job }) {
      if (!first || job === null) return;
      first = false;
      output.record({ type: 'snapshot', seq: job.seq, job_id: job.job_id, job });
    },
    event: (event) => output.record(event),
    notice: (text) => output.aside(text),
    end: () => undefined,
  };
}

/** With --wait: nothing until the end. */
export function silentRenderer(output: Output): FollowRenderer {
  return {
    loaded: () => undefined,
    event: () => undefined,
    notice: (text) => output.detail(text),
    end: () => undefined,
  };
}
