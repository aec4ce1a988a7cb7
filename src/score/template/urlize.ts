import type { Bound, Runtime } from './runtime';
import { countText, escapeHtml, needText } from './text';
import { iterate, needCount, truthy } from './values';

/** The rules of Jinja2's `urlize` for what is a link. */
const httpPattern =
  /^(?:(?:https?:\/\/|www\.)(?:(?:[\p{L}\p{N}_%-]+\.)*[\p{L}\p{N}_%-]+|\[[\da-f:.]+\])|[\p{L}\p{N}_%-]+(?:\.[\p{L}\p{N}_%-]+)*\.(?:com|net|int|edu|gov|org|info|mil))(?::\d{1,5})?(?:[/?#]\S*)?$/iu;
const emailPattern = /^\S+@[\p{L}\p{N}_][\p{L}\p{N}_.-]*\.[\p{L}\p{N}_]+$/u;
/** Longer words are no links; the patterns may be quadratic in a word. */
const longestLink = 2000;
const pairs = [
  ['(', ')'],
  ['<', '>'],
  ['&lt;', '&gt;'],
] as const;

/** One word split into what stands before the possible link, the link, and what stands after it. */
function splitWord(word: string): { head: string; middle: string; tail: string } {
  const head = /^(?:[(<]|&lt;)+/.exec(word)?.[0] ?? '';
  let middle = word.slice(head.length);
  let end = middle.length;
  for (;;) {
    if (end > 0 && ')>.,\n'.includes(middle.charAt(end - 1))) end -= 1;
    else if (middle.endsWith('&gt;', end)) end -= 4;
    else break;
  }
  let tail = middle.slice(end);
  middle = middle.slice(0, end);
  for (const [open, close] of pairs) {
    const opened = countText(middle, open);
    if (opened <= countText(middle, close)) continue;
    for (let moves = Math.min(opened, countText(tail, close)); moves > 0; moves--) {
      const cut = tail.indexOf(close) + close.length;
      middle += tail.slice(0, cut);
      tail = tail.slice(cut);
    }
  }
  return { head, middle, tail };
}

/** Turns URLs and e-mail addresses into HTML links; the rest of the text is escaped. */
export function urlize(text: string, args: Bound, runtime: Runtime): string {
  const limit = args.get('trim_url_limit');
  const shown = (url: string): string =>
    limit !== null && url.length > needCount(limit) ? `${url.slice(0, needCount(limit))}...` : url;
  const relParts = new Set((args.get('rel') === null ? '' : needText(args.get('rel'))).split(/\s+/));
  if (truthy(args.get('nofollow', false))) relParts.add('nofollow');
  relParts.add('noopener');
  relParts.delete('');
  const target = args.get('target');
  const rel = ` rel="${escapeHtml([...relParts].sort().join(' '))}"`;
  const attributes = rel + (target === null ? '' : ` target="${escapeHtml(needText(target))}"`);
  const extra = args.get('extra_schemes');
  const schemes = extra === null ? [] : [...iterate(extra)].map((scheme) => needText(scheme));
  const link = (middle: string): string => {
    if (middle.length > longestLink) return middle;
    if (httpPattern.test(middle)) {
      const url = /^https?:\/\//.test(middle) ? middle : `https://${middle}`;
      return `<a href="${url}"${attributes}>${shown(middle)}</a>`;
    }
    if (middle.startsWith('mailto:') && emailPattern.test(middle.slice(7))) {
      return `<a href="${middle}">${middle.slice(7)}</a>`;
    }
    const isAddress = middle.includes('@') && !/^(?:www\.|@)|:/.test(middle) && emailPattern.test(middle);
    if (isAddress) return `<a href="mailto:${middle}">${middle}</a>`;
    return schemes.some((scheme) => middle !== scheme && middle.startsWith(scheme))
      ? `<a href="${middle}"${attributes}>${middle}</a>`
      : middle;
  };
  const words = escapeHtml(text).split(/(\s+)/);
  runtime.budget.charge(words.length);
  const result = words
    .map((word) => {
      const { head, middle, tail } = splitWord(word);
      return head + link(middle) + tail;
    })
    .join('');
  runtime.budget.text(result.length);
  return result;
}
