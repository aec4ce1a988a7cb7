/** Scores to begin with, for "New Score". */

/** A score that a person can start from. */
export interface ScoreTemplate {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** Suggested file name. */
  readonly fileName: string;
  /** The text of the score for an instrument. `shell`: the instrument runs the prompt as a shell script (`raw_prompt`). */
  text(instrument: string, shell: boolean): string;
}

/** A prompt for an agent, or the same work as a script where a shell reads it. */
function lines(shell: boolean, agent: readonly string[], script: readonly string[]): string {
  return (shell ? script : agent).map((line) => (line === '' ? '' : `    ${line}`)).join('\n');
}

export const scoreTemplates: readonly ScoreTemplate[] = [
  {
    id: 'single',
    title: 'One sheet',
    description: 'A single task and a check that it is done',
    fileName: 'task.score.yaml',
    text: (instrument, shell) => `# One task, and a check that it is done.
name: task
description: Write a short summary of this folder
workspace: ./workspace
instrument: ${instrument}

sheet:
  size: 1
  total_items: 1

prompt:
  template: |
${lines(
  shell,
  [
    'Look at the files beside the folder {{ workspace }}.',
    'Write a summary of at most ten lines to {{ workspace }}/summary.md.',
  ],
  ['ls "$MARIANNE_WORKSPACE/.." > "$MARIANNE_WORKSPACE/summary.md"', 'echo "written: summary.md"'],
)}

validations:
  - type: content_regex
    description: The summary has text
    path: "{workspace}/summary.md"
    pattern: '\\S'
`,
  },
  {
    id: 'stages',
    title: 'Stages, one after another',
    description: 'Plan, do, review: each stage has its own prompt and check',
    fileName: 'stages.score.yaml',
    text: (instrument, shell) => `# Three stages; each begins when the one before it is done.
name: stages
description: Plan, do, review
workspace: ./workspace
instrument: ${instrument}

sheet:
  size: 1
  total_items: 3

movements:
  1: { name: Plan }
  2: { name: Do }
  3: { name: Review }

prompt:
  variables:
    goal: a page that explains this project to a newcomer
  template: |
    {% if stage == 1 %}
${lines(shell, ['Plan how to write {{ goal }}. Write the plan to {{ workspace }}/plan.md.'], ['echo "Plan: {{ goal }}" > "$MARIANNE_WORKSPACE/plan.md"'])}
    {% elif stage == 2 %}
${lines(shell, ['Follow {{ workspace }}/plan.md and write {{ workspace }}/page.md.'], ['cat "$MARIANNE_WORKSPACE/plan.md" > "$MARIANNE_WORKSPACE/page.md"'])}
    {% else %}
${lines(shell, ['Read {{ workspace }}/page.md, correct it, and list what you changed in {{ workspace }}/review.md.'], ['wc -w "$MARIANNE_WORKSPACE/page.md" > "$MARIANNE_WORKSPACE/review.md"'])}
    {% endif %}

validations:
  - { type: content_regex, path: "{workspace}/plan.md", pattern: '\\\\S', condition: stage == 1 }
  - { type: content_regex, path: "{workspace}/page.md", pattern: '\\\\S', condition: stage == 2 }
  - { type: content_regex, path: "{workspace}/review.md", pattern: '\\\\S', condition: stage == 3 }
`,
  },
  {
    id: 'fan-out',
    title: 'Many at once',
    description: 'Several sheets in parallel, and one that brings their results together',
    fileName: 'fan-out.score.yaml',
    text: (instrument, shell) => `# Three angles at once, then one sheet that brings them together.
name: fan-out
description: Three angles on one question
workspace: ./workspace
instrument: ${instrument}

sheet:
  size: 1
  total_items: 2
  fan_out: { 1: 3 }
  dependencies: { 2: [1] }

parallel: { enabled: true, max_concurrent: 3 }
cross_sheet: { auto_capture_stdout: true, lookback_sheets: 0 }

prompt:
  variables:
    question: What should we improve first?
    angles: { 1: users, 2: code, 3: documentation }
  template: |
    {% if stage == 1 %}
${lines(
  shell,
  [
    '{{ question }} Look at it from the side of the {{ angles[instance] }}.',
    'Write your answer to {{ workspace }}/angle-{{ instance }}.md.',
  ],
  ['echo "{{ angles[instance] }}: {{ question }}" > "$MARIANNE_WORKSPACE/angle-{{ instance }}.md"'],
)}
    {% else %}
${lines(
  shell,
  ['Read the angle-*.md files in {{ workspace }} and write one answer to {{ workspace }}/answer.md.'],
  ['cat "$MARIANNE_WORKSPACE"/angle-*.md > "$MARIANNE_WORKSPACE/answer.md"'],
)}
    {% endif %}

validations:
  - { type: content_regex, path: "{workspace}/angle-{instance}.md", pattern: '\\\\S', condition: stage == 1 }
  - { type: content_regex, path: "{workspace}/answer.md", pattern: '\\\\S', condition: stage == 2 }
`,
  },
];
