/** What New Score offers to begin with. */
import { l10n } from '../l10n';

export interface ScoreTemplate {
  readonly title: string;
  readonly detail: string;
  /** Suggested name. */
  readonly name: string;
  /** True when the prompt is a shell script: it is played by `cli`. */
  readonly script: boolean;
  text(name: string, instrument: string): string;
}

export function scoreTemplates(): readonly ScoreTemplate[] {
  return [
    {
      title: l10n.t('Hello'),
      detail: l10n.t('Two sheets, each checked; runs anywhere, needs no key'),
      name: 'hello',
      script: true,
      text: hello,
    },
    {
      title: l10n.t('Outline, then text'),
      detail: l10n.t('Two sheets for an agent, each checked'),
      name: 'essay',
      script: false,
      text: (name, instrument) => (instrument === 'cli' ? hello(name) : essay(name, instrument)),
    },
    {
      title: l10n.t('Side by side'),
      detail: l10n.t('Three sheets in parallel and one that joins what they made; needs no key'),
      name: 'fan-out',
      script: true,
      text: fanOut,
    },
  ];
}

/** A name as YAML: one that it would read as a number, a date or a truth value is quoted. */
function scalar(name: string): string {
  return /^[A-Za-z][\w.-]*$/.test(name) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(name)
    ? name
    : `'${name}'`;
}

const hello = (name: string) => `name: ${scalar(name)}
description: Two sheets, each checked
instrument: cli
sheet:
  size: 1
  total_items: 2
  descriptions:
    1: Write a greeting
    2: Count its words
pause_between_sheets_seconds: 0
prompt:
  template: |
    {% if stage == 1 %}
    echo "Hello from sheet {{ sheet_num }} of {{ total_sheets }}" | tee "$MARIANNE_WORKSPACE/greeting.txt"
    {% else %}
    wc -w < "$MARIANNE_WORKSPACE/greeting.txt" | tee "$MARIANNE_WORKSPACE/words.txt"
    {% endif %}
validations:
  - type: file_exists
    description: The greeting was written
    path: "{workspace}/greeting.txt"
    condition: stage == 1
  - type: content_regex
    description: Its words were counted
    path: "{workspace}/words.txt"
    pattern: "[0-9]+"
    condition: stage == 2
`;

const essay = (name: string, instrument: string) => `name: ${scalar(name)}
description: An outline, then a text that keeps to it
instrument: ${instrument}
sheet:
  size: 1
  total_items: 2
  descriptions:
    1: Outline
    2: Essay
retry:
  max_retries: 2
prompt:
  variables:
    topic: why long work should be cut into checked pieces
  template: |
    {% if stage == 1 %}
    Write an outline of five points about {{ topic }} to {{ workspace }}/outline.md, each point a line that begins with "- ".
    {% else %}
    Read {{ workspace }}/outline.md and write an essay of about 400 words that follows it to {{ workspace }}/essay.md.
    {% endif %}
validations:
  - type: content_regex
    description: The outline has points
    path: "{workspace}/outline.md"
    pattern: "(?m)^- "
    condition: stage == 1
  - type: content_regex
    description: The essay has some length
    path: "{workspace}/essay.md"
    pattern: "(?s).{1000,}"
    condition: stage == 2
`;

const fanOut = (name: string) => `name: ${scalar(name)}
description: Three voices and a chorus
instrument: cli
sheet:
  size: 1
  total_items: 2
  fan_out: { 1: 3 }
  dependencies: { 2: [1] }
parallel: { enabled: true, max_concurrent: 3 }
pause_between_sheets_seconds: 0
prompt:
  variables:
    voices: { 1: soprano, 2: alto, 3: tenor }
  template: |
    {% if stage == 1 %}
    echo "{{ voices[instance] }} sings" | tee "$MARIANNE_WORKSPACE/voice-{{ instance }}.txt"
    {% else %}
    cat "$MARIANNE_WORKSPACE"/voice-*.txt | tee "$MARIANNE_WORKSPACE/chorus.txt"
    {% endif %}
validations:
  - { type: file_exists, path: "{workspace}/voice-{instance}.txt", condition: stage == 1 }
  - { type: content_contains, path: "{workspace}/chorus.txt", pattern: tenor, condition: stage == 2 }
`;
