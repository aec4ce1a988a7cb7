/** The scores that `mzt init` writes. */

/** A score for an agent: plan, work on the parts side by side, put together. */
export function agentScore(name: string, instrument: string): string {
  return `# A score: a piece of work, split into sheets. Check it with: mzt validate ${name}.yaml
name: ${name}
description: Look at a project, then write down how it could be better
instrument: ${instrument}

# Agents work in this folder; what they write stays there.
workspace: ./${name}-workspace

sheet:
  size: 1
  total_items: 3
  dependencies:
    # Sheet 3 begins when 1 and 2 are completed; those two may play side by side.
    3: [1, 2]
  descriptions:
    1: What is good
    2: What is missing
    3: Proposal

parallel:
  enabled: true
  max_concurrent: 2

prompt:
  variables:
    # What to look at: a path or a few words.
    subject: the project in the folder of this score
  template: |
    {% if sheet_num == 1 %}
    Look at {{ subject }}. Write what is done well, with examples, into {{ workspace }}/good.md.
    {% elif sheet_num == 2 %}
    Look at {{ subject }}. Write what is missing or could break, with examples, into {{ workspace }}/missing.md.
    {% else %}
    Read {{ workspace }}/good.md and {{ workspace }}/missing.md. Write the three changes that help most, each with
    its reason and its first step, into {{ workspace }}/proposal.md.
    {% endif %}

# What must be true after a sheet. A sheet that fails a check is played again and told what is missing.
validations:
  - type: file_exists
    description: The strengths are written down
    path: "{workspace}/good.md"
    condition: sheet_num == 1
  - type: file_exists
    description: The gaps are written down
    path: "{workspace}/missing.md"
    condition: sheet_num == 2
  - type: content_regex
    description: The proposal has some length
    path: "{workspace}/proposal.md"
    pattern: "(?s).{200,}"
    condition: sheet_num == 3

retry:
  max_retries: 2
`;
}

/** A score for a shell: the prompt is the script. */
export function shellScore(name: string, instrument: string): string {
  return `# A score: a piece of work, split into sheets. Here each prompt is a shell script. Check it with: mzt validate ${name}.yaml
name: ${name}
description: Count the files next to this score, then write a summary
instrument: ${instrument}

# Scripts find this folder in MARIANNE_WORKSPACE; what they write stays there.
workspace: ./${name}-workspace

sheet:
  size: 1
  total_items: 2
  dependencies:
    # Sheet 2 begins when sheet 1 is completed.
    2: [1]
  descriptions:
    1: Count
    2: Summary

prompt:
  template: |
    set -eu
    {% if sheet_num == 1 %}
    cd "$MARIANNE_SCORE_DIR"
    ls | wc -l | tr -d ' ' > "$MARIANNE_WORKSPACE/count.txt"
    echo "counted $(cat "$MARIANNE_WORKSPACE/count.txt")"
    {% else %}
    echo "There are $(cat "$MARIANNE_WORKSPACE/count.txt") files next to this score." | tee "$MARIANNE_WORKSPACE/summary.txt"
    {% endif %}

# What must be true after a sheet.
validations:
  - type: content_regex
    description: The count is a number
    path: "{workspace}/count.txt"
    pattern: "^[0-9]+"
    condition: sheet_num == 1
  - type: file_exists
    description: The summary is there
    path: "{workspace}/summary.txt"
    condition: sheet_num == 2

retry:
  max_retries: 1
`;
}
