import { diskFiles } from '../../../src/score/disk-files';
import type { Analysis } from '../../../src/views/language/analysis';
import { analyse } from '../../../src/views/language/analysis';
import type { Suggestion } from '../../../src/views/language/completion';
import { suggest } from '../../../src/views/language/completion';
import { catalogue } from '../score/kit';

export { catalogue };

/** A score with stages, fan-out, an alias and a template with branches. */
export const orchestra = `name: orchestra
workspace: /tmp
instruments:
  writer:
    profile: claude-code
    config: { model: opus }
instrument: writer
movements:
  1: { name: Plan }
  2: { name: Play, instrument: cli }
  3: { name: Applause }
sheet:
  size: 1
  total_items: 3
  fan_out: { 2: 3 }
  dependencies: { 2: [1], 3: [2] }
prompt:
  variables:
    goal: a song
    parts:
      1: { name: bass }
      2: { name: drums }
  template: |
    {% if stage == 1 %}
    Plan {{ goal | upper }}.
    {% elif stage == 2 and instance == 1 %}
    {% for part in parts.values() %}{{ loop.index }} {{ part.name }}{% endfor %}
    {% elif movement == 2 %}
    Play {{ parts[1].name }}.
    {% else %}
    Clap.
    {% endif %}
validations:
  - type: file_exists
    path: '{workspace}/{goal}.md'
    condition: stage == 1
`;

export function analysisOf(text: string, path = '/scores/test.score.yaml'): Analysis {
  return analyse({ text, path, cwd: '/somewhere', files: diskFiles, catalogue });
}

/** A text in which `¦` marks the cursor. */
export function marked(text: string): { text: string; offset: number } {
  const offset = text.indexOf('¦');
  if (offset < 0) throw new Error('the text has no ¦');
  return { text: text.replace('¦', ''), offset };
}

/** Suggestions at `¦`. `known` is the last text that could be read; default: the text itself. */
export function suggestedAt(source: string, known?: string): Suggestion[] {
  const { text, offset } = marked(source);
  return suggest({ text, offset, analysis: analysisOf(known ?? text), catalogue });
}

export function labelsAt(source: string, known?: string): string[] {
  return suggestedAt(source, known).map(({ label }) => label);
}

/** The text after a suggestion was taken, without tab stops. */
export function taken(source: string, label: string, known?: string): string {
  const { text } = marked(source);
  const found = suggestedAt(source, known).find((each) => each.label === label);
  if (found === undefined) throw new Error(`${label} is not suggested`);
  return text.slice(0, found.from) + found.insert + text.slice(found.end);
}
