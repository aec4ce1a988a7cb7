import { readFile } from 'node:fs/promises';
import type { InstrumentRow } from '../../protocol/daemon-methods';
import type { InstrumentCatalogue } from '../../instruments/catalogue';
import { loadInstruments } from '../catalogue';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, subcommand } from '../command';
import { withConductor } from '../connection';
import type { ExitCode } from '../failure';
import { CliFailure, Exit } from '../failure';
import { instrumentRow, instrumentRows } from '../instrument-rows';
import type { Colors } from '../output';
import { printable, printableLines } from '../text/printable';
import { table } from '../text/table';

export const instrumentsCommand: CliCommand = {
  name: 'instruments',
  configure(program, session) {
    const group = program
      .command('instruments')
      .summary('the agents that can play')
      .description('The agents that can play: built-in ones, and yours from <state>/instruments.');
    const list = jsonOption(subcommand(group, 'list', 'all instruments, and which are ready'));
    action(list, session, listInstruments);
    const check = subcommand(group, 'check <name>', 'whether an instrument works')
      .description(
        'Look for the program and ask its version; ask a server for its models with your key. Does not cost anything,\n' +
          'without --quota.',
      )
      .option('--quota', 'also ask what is left; may cost a request');
    jsonOption(check);
    action<{ readonly quota?: true }>(check, session, checkInstrument);
    const show = jsonOption(subcommand(group, 'show <name>', 'the profile of an instrument'));
    action(show, session, showInstrument);
    examples(group, [
      ['mzt instruments list', ''],
      ['mzt instruments check claude-code', ''],
      ['mzt instruments show cli > my-agent.yaml', 'a first draft of your own'],
    ]);
  },
};

const paints: Readonly<Record<InstrumentRow['status'], (colors: Colors) => (text: string) => string>> = {
  ready: (colors) => colors.green,
  missing: (colors) => colors.dim,
  needs_key: (colors) => colors.yellow,
  untrusted: (colors) => colors.yellow,
  unknown: (colors) => colors.dim,
};

async function listInstruments(invocation: Invocation): Promise<ExitCode> {
  const { context, output } = invocation;
  const catalogue = await loadInstruments(context, context.cwd());
  const rows = instrumentRows(catalogue, context);
  tellProblems(invocation, catalogue);
  if (output.json) {
    output.document({ instruments: rows });
    return Exit.ok;
  }
  output.lines(
    table(
      [
        { title: 'NAME' },
        { title: 'KIND' },
        { title: 'STATUS' },
        { title: 'MODEL', flexible: true },
        { title: 'FROM' },
        { title: 'REMARK', flexible: true },
      ],
      rows.map((row) => [
        row.name,
        row.kind,
        paints[row.status](output.out)(row.status),
        row.default_model ?? '',
        row.source,
        printable(row.detail ?? ''),
      ]),
      output.width,
      output.out.dim,
    ),
  );
  return Exit.ok;
}

function tellProblems({ output }: Invocation, catalogue: InstrumentCatalogue): void {
  for (const { file, line, severity, message } of catalogue.problems) {
    const place = line === null ? file : `${file}:${line}`;
    if (severity === 'error') output.aside(`${output.err.red('error:')} ${place}: ${printable(message)}`);
    else output.warn(`${place}: ${printable(message)}`);
  }
  if (catalogue.unapproved !== null) {
    output.note('this folder brings instruments that are not approved: mzt trust');
  }
}

async function checkInstrument(
  invocation: Invocation,
  options: { readonly quota?: true },
  name = '',
): Promise<ExitCode> {
  const { context, output } = invocation;
  const catalogue = await loadInstruments(context, context.cwd());
  const { submitEnvironment } = await import('../../instruments/submit-environment');
  const { env, secrets } = submitEnvironment(context.env, catalogue);
  return withConductor(invocation, async ({ client }) => {
    const answer = await client.call('instruments.check', {
      name,
      workspace: context.cwd(),
      quota: options.quota ?? false,
      env,
      secrets,
    });
    if (output.json) output.document(answer);
    else {
      const { out } = output;
      const verdict = answer.ok ? out.green('ready') : out.red('not ready');
      output.line(
        `${answer.name}: ${verdict}${answer.version === null ? '' : ` (${printable(answer.version)})`}`,
      );
      for (const check of answer.checks) {
        const mark = check.ok === null ? out.dim('?') : check.ok ? out.green('✓') : out.red('✗');
        output.line(`  ${mark} ${check.name}: ${printable(check.message)}`);
        if (check.remedy !== null && check.ok !== true)
          output.line(`    ${out.cyan('help:')} ${printable(check.remedy)}`);
      }
    }
    return answer.ok ? Exit.ok : Exit.failed;
  });
}

async function showInstrument(invocation: Invocation, _options: object, name = ''): Promise<ExitCode> {
  const { context, output } = invocation;
  const catalogue = await loadInstruments(context, context.cwd());
  const entry = catalogue.entry(name);
  if (entry === null) {
    const nearest = catalogue.nearest(name);
    throw new CliFailure(Exit.failed, `no instrument "${name}"`, {
      hints: [nearest.length === 0 ? 'mzt instruments list' : `Did you mean ${nearest.join(' or ')}?`],
      errorCode: 'unknown_instrument',
    });
  }
  if (output.json) output.document({ instrument: instrumentRow(entry, context), profile: entry.profile });
  else {
    output.note(entry.file);
    output.raw(printableLines(await readFile(entry.file, 'utf8')));
  }
  return Exit.ok;
}
