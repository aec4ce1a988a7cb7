/** One line for each event: what pipes, files and CI logs get. */
import { eventDataSchemas } from '../../protocol/events';
import type { WireEvent } from '../../protocol/events';
import { duration, instant, money } from '../text/amounts';
import { printable } from '../text/printable';

/** The line of an event; null for those that say nothing to a person. */
export function plainLine(event: WireEvent, nameOf: (sheet: number) => string | null): string | null {
  const said = say(event);
  if (said === null) return null;
  const sheet = event.sheet ?? null;
  const name = sheet === null ? null : nameOf(sheet);
  const who = sheet === null ? '' : `sheet ${sheet}${name === null ? '' : ` (${printable(name)})`}: `;
  return `${instant(event.t, event.t)}  ${who}${said}`;
}

function say(event: WireEvent): string | null {
  const { type } = event;
  const sheet = eventDataSchemas.sheet.safeParse(event.data).data ?? {};
  const error = [sheet.error_code, sheet.error_message].filter((part) => typeof part === 'string').join(' ');
  const why = error === '' ? '' : `: ${printable(error)}`;
  const took = typeof sheet.duration_seconds === 'number' ? ` in ${duration(sheet.duration_seconds)}` : '';
  const cost = typeof sheet.cost_usd === 'number' && sheet.cost_usd > 0 ? `, ${money(sheet.cost_usd)}` : '';
  const due =
    typeof sheet.due_at === 'number'
      ? `, again in ${duration(Math.max(0, (sheet.due_at - event.t) / 1000))}`
      : '';
  switch (type) {
    case 'job.submitted':
    case 'sheet.validation_passed':
    case 'job.cost_update':
    case 'attempt.progress':
      return null;
    case 'sheet.started':
      return `started, attempt ${event.attempt ?? 1}${typeof sheet.instrument === 'string' ? `, ${sheet.instrument}` : ''}`;
    case 'sheet.completed':
      return `completed${took}${cost}`;
    case 'sheet.failed':
      return `failed${took}${why}`;
    case 'sheet.retrying':
      return `attempt ${event.attempt ?? ''} failed${took}${why}${due}`.replace('  ', ' ');
    case 'sheet.partial':
      return `partly done (${Math.round(sheet.pass_percentage ?? 0)} % of its checks)${due}`;
    case 'sheet.waiting':
      return `waits${why}${due}`;
    case 'sheet.validation_failed': {
      const { passed, failed } = event.data;
      const total = typeof passed === 'number' && typeof failed === 'number' ? ` of ${passed + failed}` : '';
      return `${typeof failed === 'number' ? failed : 'some'}${total} checks failed`;
    }
    case 'rate_limit.active': {
      const limit = eventDataSchemas.rateLimit.safeParse(event.data).data ?? {};
      const until = limit.until ?? null;
      const end =
        until === null ? '' : ` until ${instant(until, event.t)} (${duration((until - event.t) / 1000)})`;
      return `${limit.instrument ?? 'an instrument'} is rate limited${end}`;
    }
    case 'job.cost_warning': {
      const { total_cost_usd: spent, limit_usd: limit } =
        eventDataSchemas.cost.safeParse(event.data).data ?? {};
      return `most of a cost limit is spent: ${money(spent ?? 0)} of ${money(limit ?? 0)}`;
    }
    case 'key.refused': {
      const { instrument, key_label: label, message } = eventDataSchemas.key.safeParse(event.data).data ?? {};
      return `the key "${printable(label ?? '')}" of ${printable(instrument ?? 'an instrument')} is refused and set aside: ${printable(message ?? '')}`;
    }
    case 'rate_limit.cleared':
      return 'rate limit cleared';
    case 'storage.failed':
    case 'storage.recovered': {
      const { message } = eventDataSchemas.storage.safeParse(event.data).data ?? {};
      return `${type === 'storage.failed' ? 'the journal cannot be written' : 'the journal can be written again'}${
        typeof message === 'string' ? `: ${printable(message)}` : ''
      }`;
    }
    case 'conductor.draining':
      return 'the conductor hands over to a newer build';
    default: {
      const [kind, verb] = type.split('.');
      const reason = event.data['reason'];
      const text =
        typeof reason === 'object' && reason !== null && 'message' in reason ? reason.message : null;
      const message = typeof text === 'string' ? text : (event.data['error_message'] ?? null);
      const tail = typeof message === 'string' ? `: ${printable(message)}` : '';
      return kind === 'job' ? `job ${verb ?? type}${tail}` : `${verb ?? type}${tail}`;
    }
  }
}
