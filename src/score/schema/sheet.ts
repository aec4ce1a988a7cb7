import { z } from 'zod';
import { instrumentConfig } from './instruments';
import { bySheet, count, maybe, sheetNumber, text } from './fields';

const injection = z
  .strictObject({
    file: maybe(z.string()).describe(
      'File whose text is injected; `{{ variables }}` are allowed in the path.',
    ),
    directory: maybe(z.string()).describe('Folder: every regular file directly in it is injected, by name.'),
    as: z
      .enum(['context', 'skill', 'tool'])
      .describe('Where it goes in the prompt: background, instructions, or tool descriptions.'),
  })
  .describe('Text put into prompts: exactly one of `file` and `directory`. Relative to the workspace.');

const skipCommand = z.strictObject({
  command: z.string().describe('Shell command; exit status 0 skips the sheet. `{workspace}` is replaced.'),
  description: maybe(z.string()).describe('Why a sheet is skipped, for people.'),
  timeout_seconds: positiveUpTo(60).default(10).describe('Time limit in seconds; the sheet runs after it.'),
});

function positiveUpTo(most: number) {
  return z.number().gt(0).max(most);
}

export const sheet = z.strictObject({
  size: count(1).describe('Items per sheet. Must be 1 with fan-out.'),
  total_items: count(1, 100_000).describe(
    'Number of the last item. With `size: 1` it is the number of stages.',
  ),
  start_item: count(1).default(1).describe('Number of the first item.'),
  descriptions: bySheet(z.string()).default({}).describe('Sheet number → label for status displays.'),
  dependencies: bySheet(z.array(sheetNumber()))
    .default({})
    .describe(
      'What must be completed before: stage → stages. When given, a stage without an entry starts at once; when absent, every stage waits for the one before it.',
    ),
  spec_tags: bySheet(z.array(z.string())).default({}).describe('Sheet number → tags of spec fragments.'),
  skip_when: bySheet(z.string())
    .default({})
    .describe('Stage → condition; when true the sheet is skipped and counts as done.'),
  skip_when_command: bySheet(skipCommand)
    .default({})
    .describe('Stage → command; when it exits with 0 the sheet is skipped and counts as done.'),
  prompt_extensions: bySheet(z.array(z.string()))
    .default({})
    .describe('Sheet number → texts, or paths of `.md`/`.txt` files, put at the end of the prompt.'),
  prelude: z.array(injection).default([]).describe('Injected into every sheet.'),
  cadenzas: bySheet(z.array(injection))
    .default({})
    .describe('Sheet number → injected into this sheet, after the prelude.'),
  fan_out: bySheet(count(1, 1000))
    .default({})
    .describe('Stage → how many sheets play it at once, each with its own `instance`.'),
  fan_out_stage_map: z
    .record(
      z.string(),
      z.strictObject({
        stage: sheetNumber().describe('Stage that the sheet plays.'),
        instance: sheetNumber().describe('Which of the sheets of its stage it is, from 1.'),
        fan_count: sheetNumber().describe('How many sheets play its stage.'),
      }),
    )
    .nullable()
    .default(null)
    .describe('Written by the older system when it dumps an expanded score; not for authors.'),
  per_sheet_instruments: bySheet(text()).default({}).describe('Sheet number → instrument or alias.'),
  per_sheet_instrument_config: bySheet(instrumentConfig)
    .default({})
    .describe('Sheet number → settings that beat all others.'),
  per_sheet_fallbacks: bySheet(z.array(z.string()))
    .default({})
    .describe('Sheet number → fall-backs instead of the score’s; an empty list means none.'),
  instrument_map: z
    .record(text(), z.array(sheetNumber()))
    .default({})
    .describe('Instrument or alias → the sheets that it plays. No sheet twice.'),
});

export const prompt = z.strictObject({
  template: maybe(z.string()).describe('The prompt, a Jinja2 template. Not together with `template_file`.'),
  template_file: maybe(z.string()).describe('File with the template; relative to the folder of the score.'),
  variables: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Your own template variables. Values are not rendered themselves.'),
  stakes: maybe(z.string()).describe('Variable `stakes`: why the work matters.'),
  thinking_method: maybe(z.string()).describe('Variable `thinking_method`: how to think about it.'),
  prompt_extensions: z
    .array(z.string())
    .default([])
    .describe('Texts, or paths of `.md`/`.txt` files, put at the end of every prompt.'),
});

export const validation = z.strictObject({
  type: z
    .enum(['file_exists', 'file_modified', 'content_contains', 'content_regex', 'command_succeeds'])
    .describe('What is checked.'),
  path: maybe(z.string()).describe(
    'File to look at; `{workspace}`, `{sheet_num}` and your variables are filled in. Relative to the workspace.',
  ),
  pattern: maybe(z.string()).describe(
    'Text, or for `content_regex` a Python regular expression, to find in the file.',
  ),
  command: maybe(z.string()).describe(
    'Bash command that must exit with 0; `{name}` becomes the quoted value.',
  ),
  working_directory: maybe(z.string()).describe('Where the command runs. Default: the workspace.'),
  description: maybe(z.string()).describe('What is required, in words; the agent reads it.'),
  stage: count(1, 10)
    .default(1)
    .describe('Checks run by ascending stage; when one of a stage fails, later stages are skipped.'),
  condition: maybe(z.string()).describe(
    'When the rule applies: comparisons with whole numbers joined by `and`, such as `stage == 2 and instance == 1`.',
  ),
  sheet: maybe(count(1)).describe('Short for `condition: sheet_num == N`; ignored beside a `condition`.'),
  retry_count: count(0, 10).default(3).describe('Further tries of a check that fails.'),
  retry_delay_ms: count(0, 5000).default(200).describe('Pause between tries, in milliseconds.'),
  timeout_seconds: maybe(z.number().gt(0)).describe('Time limit of a command, in seconds. Default 3600.'),
});
