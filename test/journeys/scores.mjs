/** Scores that the journeys play; all run without any agent. */

/** Three voices side by side, then a chorus. */
export const fanOut = `name: duet
description: Three voices and a chorus
instrument: cli
sheet:
  size: 1
  total_items: 2
  fan_out: { 1: 3 }
  dependencies: { 2: [1] }
  descriptions: { 1: First voice, 2: Second voice, 3: Third voice, 4: Chorus }
parallel: { enabled: true, max_concurrent: 3 }
pause_between_sheets_seconds: 0
prompt:
  template: |
    {% if stage == 1 %}
    echo "voice {{ instance }} sings"; sleep {{ 2 * instance }}; echo "and ends"
    {% else %}
    echo "all together"
    {% endif %}
validations: []
`;

/** Sheets that speak until they end and follow each other at once; the last fails its check. */
export const hasty = `name: hasty
instrument: cli
sheet: { size: 1, total_items: 4 }
pause_between_sheets_seconds: 0
retry: { max_retries: 1, base_delay_seconds: 0.1, jitter: false }
prompt:
  template: |
    echo "sheet {{ sheet_num }} begins"; sleep 0.3; echo "sheet {{ sheet_num }} has the last word"
validations:
  - { type: file_exists, path: '{workspace}/never.md', condition: sheet_num == 4 }
`;

/** One sheet that waits for the file `go-on` in its workspace. */
export const waiting = (name) => `name: ${name}
instrument: cli
sheet: { size: 1, total_items: 1 }
prompt:
  template: |
    echo "it waits"; while [ ! -e go-on ]; do sleep 0.2; done; echo "it ends"
validations: []
`;

/** A sheet that passes, one that is tried three times and fails, and one that waits for it. */
export const failing = `name: sour
instrument: cli
sheet:
  size: 1
  total_items: 3
  dependencies: { 2: [1], 3: [2] }
  descriptions: { 1: Tune, 2: Sing off key, 3: Applause }
pause_between_sheets_seconds: 0
retry: { max_retries: 2, base_delay_seconds: 1, jitter: false }
prompt:
  template: |
    echo "stage {{ stage }}"
    {% if stage == 2 %}echo "the wrong note" >&2; exit 3{% endif %}
validations: []
`;
