/** What templates and validation rules may name, in words. */
import type { positionNames } from '../../score/placeholders';
import type { contextOnlyNames } from '../../score/prompt';

type PositionName = (typeof positionNames)[number];
type ContextName = (typeof contextOnlyNames)[number];

/** Names for templates, rule paths and commands. */
export const positionDocs: Readonly<Record<PositionName, string>> = {
  sheet_num: 'Number of this sheet, from 1, after fan-out.',
  total_sheets: 'Number of sheets of the job.',
  start_item: 'First item of this sheet.',
  end_item: 'Last item of this sheet.',
  workspace: 'Absolute path of the workspace.',
  stage: 'Number of the stage, before fan-out.',
  movement: 'The same as `stage`.',
  instance: 'Which of the parallel sheets of its stage this is, from 1.',
  voice: 'The same as `instance`.',
  fan_count: 'How many sheets play this stage.',
  voice_count: 'The same as `fan_count`.',
  total_stages: 'Number of stages.',
  total_movements: 'The same as `total_stages`.',
  instrument_name: 'Profile that plays this sheet.',
};

/** Names for templates only. */
export const contextDocs: Readonly<Record<ContextName, string>> = {
  stakes: '`prompt.stakes`, or empty.',
  thinking_method: '`prompt.thinking_method`, or empty.',
  previous_outputs: 'Sheet number → what that sheet answered (needs `cross_sheet.auto_capture_stdout`).',
  previous_files: 'Path → text of files that earlier sheets wrote (`cross_sheet.capture_files`).',
  skipped_upstream: 'Numbers of earlier sheets that were skipped.',
  injected_context: 'Texts of the prelude and cadenza with `as: context`.',
  injected_skills: 'Texts of the prelude and cadenza with `as: skill`.',
  injected_tools: 'Texts of the prelude and cadenza with `as: tool`.',
};

/** Attributes of `loop` (Jinja2, "List of Control Structures"). */
export const loopDocs: Readonly<Record<string, string>> = {
  index: 'Turn of the loop, from 1.',
  index0: 'Turn of the loop, from 0.',
  revindex: 'Turns left, the last is 1.',
  revindex0: 'Turns left, the last is 0.',
  first: 'True in the first turn.',
  last: 'True in the last turn.',
  length: 'Number of turns.',
  cycle: 'Takes its arguments by turns.',
  depth: 'Level of a recursive loop, from 1.',
  depth0: 'Level of a recursive loop, from 0.',
  previtem: 'The item before; undefined in the first turn.',
  nextitem: 'The item after; undefined in the last turn.',
  changed: 'True when the value differs from that of the turn before.',
};

/** Tags of templates. */
export const tagDocs: Readonly<Record<string, string>> = {
  if: 'What follows is written if the condition holds.',
  elif: 'Otherwise, if this condition holds.',
  else: 'Otherwise.',
  endif: 'End of `if`.',
  for: 'Repeats what follows for every item.',
  endfor: 'End of `for`.',
  set: 'Gives a name to a value.',
  endset: 'End of a `set` block.',
  macro: 'A piece of template with parameters.',
  endmacro: 'End of `macro`.',
  call: 'Calls a macro with a body.',
  endcall: 'End of `call`.',
  filter: 'Applies a filter to what follows.',
  endfilter: 'End of `filter`.',
  with: 'Names that hold only in what follows.',
  endwith: 'End of `with`.',
  raw: 'What follows is not read as a template.',
  endraw: 'End of `raw`.',
};
