import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Document, LineCounter } from 'yaml';
import { statePaths } from '../../protocol/paths';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, refused, subcommand } from '../command';
import { findRunning, withFound } from '../connection';
import type { CliContext } from '../context';
import type { ExitCode } from '../failure';
import { CliFailure, Exit, usageError } from '../failure';
import { stateDirOf } from '../state-directory';
import { table } from '../text/table';

export const configCommand: CliCommand = {
  name: 'config',
  configure(program, session) {
    const group = program
      .command('config')
      .summary('settings of the conductor')
      .description(
        'Settings of the conductor, in <state>/conductor.yaml. They take effect with: mzt restart',
      );
    const show = subcommand(group, 'show', 'the settings and where they come from').option(
      '-a, --all',
      'also those that have their default',
    );
    jsonOption(show);
    action<{ readonly all?: true }>(show, session, showConfig);
    action(jsonOption(subcommand(group, 'path', 'the name of the file')), session, ({ context, output }) => {
      const { config: path } = statePaths(stateDirOf(context));
      if (output.json) output.document({ path });
      else output.line(path);
      return Promise.resolve(Exit.ok);
    });
    action(jsonOption(subcommand(group, 'check', 'whether the file is right')), session, checkConfig);
    const init = subcommand(group, 'init', 'write a file with every setting, commented out').option(
      '-f, --force',
      'replace a file that is there',
    );
    action<{ readonly force?: true }>(jsonOption(init), session, initConfig);
    const set = subcommand(group, 'set <key> <value>', 'change a setting; comments stay');
    refused(set, '-c, --config <file>', 'Set MARIANNE_HOME to the folder of that file.');
    action(jsonOption(set), session, setConfig);
    examples(group, [
      ['mzt config show -a', 'every setting'],
      ['mzt config set max_concurrent_sheets 4', ''],
      ['mzt config set executables.claude /opt/claude/bin/claude', ''],
    ]);
  },
};

interface ConfigFile {
  readonly path: string;
  /** Null: there is none. */
  readonly text: string | null;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
}

/** @throws CliFailure when the file cannot be read */
async function readConfig(context: CliContext): Promise<ConfigFile> {
  const { config: path } = statePaths(stateDirOf(context));
  const { LineCounter, parseDocument } = await import('yaml');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new CliFailure(Exit.failed, `${path} cannot be read: ${error.message}`, { cause: error });
  });
  const lines = new LineCounter();
  // As the conductor reads it.
  const document = parseDocument(text ?? '', {
    version: '1.1',
    merge: true,
    uniqueKeys: false,
    lineCounter: lines,
  });
  return { path, text, document, lines };
}

interface ConfigIssue {
  readonly severity: 'error' | 'warning';
  readonly key: string;
  readonly line: number | null;
  readonly message: string;
}

async function issuesOf({ document, lines, text }: ConfigFile): Promise<ConfigIssue[]> {
  const [{ isMap, isNode, isScalar }, { isNamedGroup, settingOf }] = await Promise.all([
    import('yaml'),
    import('../config-settings'),
  ]);
  const lineAt = (offset: number | undefined) => (offset === undefined ? null : lines.linePos(offset).line);
  if (document.errors.length > 0) {
    return document.errors.map((error) => ({
      severity: 'error',
      key: '',
      line: lineAt(error.pos[0]),
      message: error.message.split('\n')[0] ?? 'not YAML',
    }));
  }
  const root = document.contents;
  if (text === null || root === null || (isScalar(root) && root.value === null)) return [];
  if (!isMap(root))
    return [{ severity: 'error', key: '', line: 1, message: 'must be a mapping of settings' }];
  const issues: ConfigIssue[] = [];
  const look = (map: unknown, before: string) => {
    if (!isMap(map)) return;
    for (const { key: keyNode, value } of map.items) {
      const name = isScalar(keyNode) ? String(keyNode.value) : String(keyNode);
      const key = before === '' ? name : `${before}.${name}`;
      const line = isNode(keyNode) ? lineAt(keyNode.range?.[0]) : null;
      const setting = settingOf(key);
      if (setting !== null) {
        const plain: unknown = isNode(value) ? value.toJS(document) : value;
        const checked = setting.type.safeParse(plain);
        if (!checked.success) {
          issues.push({
            severity: 'error',
            key,
            line,
            message: checked.error.issues[0]?.message ?? 'not valid',
          });
        }
      } else if (before === '' && (key === 'socket' || isNamedGroup(key))) {
        if (isMap(value)) look(value, key);
        else issues.push({ severity: 'error', key, line, message: 'must be a mapping' });
      } else {
        issues.push({ severity: 'warning', key, line, message: 'has no effect here' });
      }
    }
  };
  look(root, '');
  return issues;
}

async function checkConfig({ context, output }: Invocation): Promise<ExitCode> {
  const file = await readConfig(context);
  const issues = await issuesOf(file);
  const valid = issues.every(({ severity }) => severity === 'warning');
  if (output.json) {
    output.document({ path: file.path, exists: file.text !== null, valid, issues });
    return valid ? Exit.ok : Exit.failed;
  }
  for (const { severity, key, line, message } of issues) {
    const paint = severity === 'error' ? output.err.red : output.err.yellow;
    const place = line === null ? file.path : `${file.path}:${line}`;
    output.aside(`${place}: ${paint(severity)}: ${key === '' ? '' : `${key}: `}${message}`);
  }
  if (valid) output.line(file.text === null ? `no ${file.path}: defaults hold` : `${file.path}: valid`);
  else output.line(`${file.path}: not valid; the conductor uses its defaults until it is`);
  return valid ? Exit.ok : Exit.failed;
}

async function showConfig(
  { context, output }: Invocation,
  options: { readonly all?: true },
): Promise<ExitCode> {
  const file = await readConfig(context);
  const written: unknown =
    file.document.errors.length === 0 ? file.document.toJS({ maxAliasCount: 100 }) : {};
  const running = await effectiveConfig(context);
  if (output.json) {
    output.document({ path: file.path, exists: file.text !== null, file: written, running });
    return Exit.ok;
  }
  const { settings } = await import('../config-settings');
  const rows = settings.flatMap(({ key, byDefault, meaning }) => {
    const value = valueAt(written, key);
    if (value === undefined)
      return options.all === true && !key.endsWith('*') ? [[key, byDefault ?? '', 'default', meaning]] : [];
    return [[key, JSON.stringify(value), 'file', meaning]];
  });
  output.line(output.out.dim(file.path));
  if (rows.length === 0) output.line('Defaults hold. All of them: mzt config show --all');
  else {
    const columns = [
      { title: 'KEY' },
      { title: 'VALUE', flexible: true },
      { title: 'FROM' },
      { title: 'MEANING', flexible: true },
    ];
    output.lines(table(columns, rows, output.width, output.out.dim));
  }
  return Exit.ok;
}

/** What the running conductor has read; null when none runs. */
async function effectiveConfig(context: CliContext): Promise<Record<string, unknown> | null> {
  const found = await findRunning(context);
  if (found === null) return null;
  const gone = () => Promise.reject(new CliFailure(Exit.unreachable, 'the conductor has gone'));
  return withFound(context, found, gone, ({ client }) => client.call('daemon.config', {}));
}

function valueAt(data: unknown, key: string): unknown {
  let at: unknown = data;
  for (const part of key.replace(/\.\*$/, '').split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[part];
  }
  return at;
}

async function initConfig(
  { context, output }: Invocation,
  options: { readonly force?: true },
): Promise<ExitCode> {
  const file = await readConfig(context);
  if (file.text !== null && options.force !== true) {
    throw new CliFailure(Exit.failed, `${file.path} is there already`, {
      hints: ['Replace it with --force.'],
      errorCode: 'exists',
    });
  }
  const { configTemplate } = await import('../config-settings');
  await replaceFile(file.path, configTemplate());
  if (output.json) output.document({ success: true, path: file.path });
  else output.line(`${output.out.green('wrote')} ${file.path}`);
  return Exit.ok;
}

async function setConfig(invocation: Invocation, _options: object, key = '', text = ''): Promise<ExitCode> {
  const { context, output } = invocation;
  const [{ isNamedGroup, settingOf, settings }, { parse }] = await Promise.all([
    import('../config-settings'),
    import('yaml'),
  ]);
  const setting = settingOf(key);
  if (setting === null) {
    throw usageError(`there is no setting "${key}"`, `One of: ${settings.map((one) => one.key).join(', ')}`);
  }
  // `0600` is a file mode in YAML 1.1, as the conductor reads it.
  const value: unknown = parse(text, { version: '1.1' });
  const checked = setting.type.safeParse(value);
  if (!checked.success) {
    throw usageError(
      `${key}: ${checked.error.issues[0]?.message ?? 'not valid'}`,
      `It is: ${setting.meaning}`,
    );
  }
  const file = await readConfig(context);
  if (file.document.errors.length > 0) {
    throw new CliFailure(Exit.failed, `${file.path} is not valid YAML and is left as it is`, {
      hints: ['mzt config check says where.'],
      errorCode: 'invalid_config',
    });
  }
  const [group = '', ...rest] = key.split('.');
  // A program's name may hold dots.
  const path = isNamedGroup(group) ? [group, rest.join('.')] : key.split('.');
  setAt(file.document, path, value);
  await replaceFile(file.path, file.document.toString());
  if (output.json) output.document({ success: true, path: file.path, key, value });
  else {
    output.line(`${key}: ${JSON.stringify(value)}`);
    output.info('It takes effect with: mzt restart');
  }
  return Exit.ok;
}

/** Sets a value, with the mappings above it made as plain ones (by itself the library makes `!!omap` in YAML 1.1). */
function setAt(document: Document, path: readonly string[], value: unknown): void {
  for (let depth = 0; depth < path.length; depth += 1) {
    const at = path.slice(0, depth);
    const there: unknown = document.getIn(at);
    if (there === null || there === undefined) {
      if (depth === 0) document.contents = document.createNode({});
      else document.setIn(at, document.createNode({}));
    }
  }
  document.setIn(path, value);
}

/** Replaces a file whole: a death at any point leaves the old one or the new one. */
async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const mode = (await stat(path).catch(() => null))?.mode ?? 0o600;
  const temp = `${path}.${randomUUID()}.tmp`;
  try {
    const handle = await open(temp, 'wx', mode & 0o777);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temp, path);
  } catch (error) {
    await rm(temp, { force: true });
    throw error;
  }
}
