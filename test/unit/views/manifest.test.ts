import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

import { instrumentRowSchema } from '../../../src/protocol/daemon-methods';
import { jobStatusSchema } from '../../../src/protocol/states';
import { needsTrust } from '../../../src/views/commands/needs-trust';
import { attemptRow } from '../../../src/views/trees/attempt-row';
import { instrumentRow } from '../../../src/views/trees/instrument-row';
import { jobContext } from '../../../src/views/trees/job-row';
import { plannedRow } from '../../../src/views/trees/planned-row';
import { sheetContext } from '../../../src/views/trees/sheet-row';
import { NOW, attempt, job, sheet } from './kit';

const manifestSchema = z.object({
  activationEvents: z.array(z.string()),
  contributes: z.object({
    commands: z.array(z.object({ command: z.string(), title: z.string(), icon: z.string() })),
    views: z.record(z.string(), z.array(z.object({ id: z.string() }))),
    menus: z.record(z.string(), z.array(z.object({ command: z.string(), when: z.string().optional() }))),
    configuration: z.array(
      z.object({
        properties: z.record(
          z.string(),
          z.object({ scope: z.string(), order: z.number(), markdownDescription: z.string() }),
        ),
      }),
    ),
    walkthroughs: z.array(
      z.object({ steps: z.array(z.object({ media: z.object({ markdown: z.string() }) })) }),
    ),
  }),
});

const text = readFileSync('package.json', 'utf8');
const { contributes } = manifestSchema.parse(JSON.parse(text));
const nls = z.record(z.string(), z.string()).parse(JSON.parse(readFileSync('package.nls.json', 'utf8')));

describe('the manifest', () => {
  it('takes every text from package.nls.json, which has no other', () => {
    const used = [...text.matchAll(/"%([^%"]+)%"/g)].map((match) => match[1] ?? '');
    assert.deepEqual([...new Set(used)].sort(), Object.keys(nls).sort());
  });

  it('refers to commands that exist', () => {
    const declared = new Set(contributes.commands.map(({ command }) => command));
    for (const items of Object.values(contributes.menus)) {
      for (const { command } of items) assert.ok(declared.has(command), command);
    }
    const views = Object.values(contributes.views).flat();
    const builtIn = /^(workbench|remote-wsl)\./;
    for (const value of Object.values(nls)) {
      for (const [, link = ''] of value.matchAll(/\(command:([^)?]+)/g)) {
        const known =
          declared.has(link) || builtIn.test(link) || views.some(({ id }) => link === `${id}.focus`);
        assert.ok(known, link);
      }
    }
  });

  it('says itself which commands Restricted Mode has not', () => {
    const trusting = needsTrust(JSON.parse(text));
    for (const { command } of contributes.commands) {
      const runs = /(submit|run|retry|rerun|cancel|delete|undo|startC|stopC|setApi|continue)/i.test(command);
      if (runs) assert.ok(trusting.has(command), command);
    }
    assert.ok(!trusting.has('marianne.showJob'));
  });

  it('asks in `when` clauses only for words that rows have', () => {
    const attempts = [attempt(1, { instrument: 'claude-code', changes: 'some' })];
    const planned = {
      num: 1,
      stage: 1,
      movementName: null,
      description: null,
      instrument: 'cli',
      dependsOn: [1],
    };
    const words = new Set([
      ...jobStatusSchema.options.flatMap((status) => jobContext(job('a', { status }))),
      ...sheetContext(sheet(1, { status: 'failed', attempts })),
      ...sheetContext(sheet(1, { reason: { code: 'waiting_for_key', message: '', until: null } })),
      ...attemptRow('a', 1, attempts[0] ?? attempt(1), NOW).context,
      ...plannedRow('/a', planned, null, NOW).context,
      ...instrumentRowSchema.shape.status.options.flatMap((status) => {
        const row = { name: 'x', display_name: 'X', description: null, kind: 'cli', source: 'user' } as const;
        const rest = { path: null, status, detail: null, default_model: null, models: [], capabilities: [] };
        return instrumentRow({ ...row, ...rest }, undefined, NOW).context;
      }),
      'limited',
    ]);
    for (const { when = '' } of contributes.menus['view/item/context'] ?? []) {
      const asked = [...when.matchAll(/viewItem =~ \/([^/]+)\//g)].flatMap(
        (match) => (match[1] ?? '').replaceAll('\\b', ' ').match(/[a-zA-Z_]{2,}/g) ?? [],
      );
      assert.ok(asked.length > 0, when);
      for (const word of asked) assert.ok(words.has(word), `${word} in ${when}`);
    }
  });

  it('has at most twenty settings, each with scope, order and description', () => {
    const settings = contributes.configuration.flatMap(({ properties }) => Object.keys(properties));
    assert.ok(settings.length <= 20);
    assert.ok(settings.every((name) => name.startsWith('marianne.')));
  });

  it('has the pictures and pages that it names', () => {
    const files = [...text.matchAll(/"(media\/[^"]+)"/g)].map((match) => match[1] ?? '');
    assert.ok(files.length >= 7);
    for (const file of files) assert.ok(readFileSync(file).length > 0, file);
  });
});
