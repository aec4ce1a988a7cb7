import { readFile } from 'node:fs/promises';
import type { InstrumentRow } from '../../protocol/daemon-methods';
import type { InstrumentCatalogue } from '../../instruments/catalogue';
import { environmentNames } from '../../instruments/environment-names';
import type { InstrumentModel } from '../../instruments/schema';
import { loadInstruments } from '../catalogue';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, subcommand } from '../command';
import { findRunning, withConductor, withFound } from '../connection';
import type { ExitCode } from '../failure';
import { CliFailure, Exit, tellFailure } from '../failure';
import { instrumentRow, instrumentRows } from '../instrument-rows';
import type { Colors } from '../output';
import { duration, instant, tokens } from '../text/amounts';
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
        'Look for the program and ask its version, or ask the server whether it is well and takes the key. Uses the\n' +
          'network where the instrument is a service; costs nothing without --quota.',
      )
      .option('--quota', 'also ask it for one word: shows whether it is logged in, and costs a request');
    jsonOption(check);
    action<{ readonly quota?: true }>(check, session, checkInstrument);
    const show = jsonOption(subcommand(group, 'show <name>', 'the profile of an instrument'));
    action(show, session, showInstrument);
    const models = subcommand(group, 'models <name>', 'the models that an instrument has').description(
      'What `model:` may be. An Ollama server is asked what it has pulled; of other instruments the profile tells.',
    );
    action(jsonOption(models), session, listModels);
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
  const rows = await rowsNow(invocation, catalogue);
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
        isLimited(row, context.now())
          ? output.out.yellow('limited')
          : paints[row.status](output.out)(words[row.status]),
        row.default_model ?? '',
        row.source,
        printable(remark(row, context.now())),
      ]),
      output.width,
      output.out.dim,
    ),
  );
  return Exit.ok;
}

const words: Readonly<Record<InstrumentRow['status'], string>> = {
  ready: 'ready',
  missing: 'missing',
  needs_key: 'needs key',
  untrusted: 'untrusted',
  unknown: 'unknown',
};

function isLimited({ limited_until: until }: InstrumentRow, now: number): boolean {
  return typeof until === 'string' && Date.parse(until) > now;
}

function remark(row: InstrumentRow, now: number): string {
  const { limited_until: until, detail } = row;
  if (typeof until !== 'string' || !isLimited(row, now)) return detail ?? '';
  const at = Date.parse(until);
  return `until ${instant(at, now)}, ${duration((at - now) / 1000)} left`;
}

/** As the running conductor sees them, limits and its own settings included; without one, as they are here. Starts none. */
async function rowsNow(invocation: Invocation, catalogue: InstrumentCatalogue): Promise<InstrumentRow[]> {
  const { context } = invocation;
  const here = instrumentRows(catalogue, context);
  try {
    const found = await findRunning(context);
    if (found === null) return here;
    const again = () => Promise.resolve(found.record.socket);
    const { submitEnvironment } = await import('../../instruments/submit-environment');
    const have = Object.keys(submitEnvironment(context.env, catalogue).secrets);
    const { instruments } = await withFound(context, found, again, ({ client }) =>
      client.call('instruments.list', { workspace: context.cwd(), have }),
    );
    const ready = (row: InstrumentRow) => (row.status === 'ready' ? 0 : 1);
    return [...instruments].sort((a, b) => ready(a) - ready(b) || (a.name < b.name ? -1 : 1));
  } catch (error) {
    invocation.output.warn(`the conductor does not answer: ${tellFailure(error).message}`);
    return here;
  }
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
  if (!output.json && catalogue.get(name)?.kind === 'http') output.note('asking its server');
  return withConductor(invocation, async ({ client }) => {
    const answer = await client.call('instruments.check', {
      name,
      quota: options.quota ?? false,
      workspace: context.cwd(),
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
  const row = instrumentRow(entry, context);
  const environment = environmentNames(entry.profile);
  const models = entry.profile.models.map((model) => ({
    ...model,
    price_source: catalogue.priceSource(entry, model),
  }));
  if (output.json) {
    output.document({ instrument: row, profile: entry.profile, models, environment });
    return Exit.ok;
  }
  output.note(entry.file);
  // What is found out stands as comments above the file: together they are a profile again.
  const facts = [
    `${words[row.status]}: ${row.detail ?? ''}`,
    `variables: ${environment.plain.join(' ') || 'only the system’s'}`,
    `keys: ${environment.secret.join(' ') || 'none'}`,
    ...models.map((model) => `model ${model.name}: ${priceText(model)} (${model.price_source})`),
  ];
  output.raw(printableLines(facts.map((fact) => `# ${fact}\n`).join('')));
  output.raw(printableLines(await readFile(entry.file, 'utf8')));
  return Exit.ok;
}

/** One name a line, for people and for pipes. Says why, and fails, when a server that should tell could not be asked. */
async function listModels(invocation: Invocation, _options: object, name = ''): Promise<ExitCode> {
  const { output } = invocation;
  return withConductor(invocation, async ({ client }) => {
    const { models, error } = await client.call('instruments.models', { name });
    if (output.json) output.document({ models, error });
    else {
      for (const model of models) output.line(printable(model));
      if (error !== null)
        output.warn(`${printable(error)}${models.length === 0 ? '' : '; these are what its profile lists'}`);
      else if (models.length === 0)
        output.note(`${name} lists no models: it takes whatever name it is given`);
    }
    return error === null ? Exit.ok : Exit.failed;
  });
}

/** What a model costs, for a person. Dollars for a million tokens: that is how vendors list them. */
function priceText(model: InstrumentModel): string {
  const { cost_per_1k_input: input, cost_per_1k_output: output } = model;
  const context = model.context_window === null ? '' : `, context ${tokens(model.context_window)}`;
  if (input === null || output === null) return `unpriced${context}`;
  if (input === 0 && output === 0) return `free${context}`;
  const million = (price: number) => `$${Number((price * 1000).toPrecision(12))}`;
  return `${million(input)} in, ${million(output)} out for 1M tokens${context}`;
}
