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
