import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, subcommand } from '../command';
import { withConductor } from '../connection';
import type { ExitCode } from '../failure';
import { Exit, usageError } from '../failure';
import { counted } from '../text/amounts';
import { printable } from '../text/printable';

interface TrustOptions {
  readonly approve?: true;
  readonly yes?: true;
  readonly revoke?: true;
  readonly url?: string;
}

export const trustCommand: CliCommand = {
  name: 'trust',
  configure(program, session) {
    const command = subcommand(program, 'trust [dir]', 'what a folder brings, and whether it may run')
      .description(
        'A folder may bring instruments, servers and addresses of its own. They count only after you approved exactly\n' +
          'this content at this place; when it changes, you are asked again. Your keys never go to them.',
      )
      .option('--approve', 'approve what is listed; asks')
      .option('-y, --yes', 'approve without a question')
      .option('--revoke', 'take the approval back')
      .option('--url <address>', 'an address that scores may name as base_url; no key is ever sent to it');
    jsonOption(command);
    examples(command, [
      ['mzt trust', 'what the current folder brings'],
      ['mzt trust ./project --approve', ''],
      ['mzt trust --url https://llm.example.org --approve', ''],
    ]);
    action<TrustOptions>(command, session, trust);
  },
};

async function trust(invocation: Invocation, options: TrustOptions, folder?: string): Promise<ExitCode> {
  const { context, output } = invocation;
  const dir = resolve(context.cwd(), folder ?? '.');
  const approves = options.approve === true || options.yes === true;
  if (approves && options.revoke === true) throw usageError('--approve and --revoke contradict each other');
  if (output.json && options.approve === true && options.yes !== true) {
    throw usageError('--json --approve needs --yes: there is nobody to ask');
  }
  if (options.url !== undefined) {
    if (folder !== undefined) throw usageError('a folder and --url are two different things');
    return trustUrl(invocation, options, options.url);
  }
  const facts = await stat(dir).catch(() => null);
  // A folder that has gone may still have approvals to take back.
  if (options.revoke !== true && facts?.isDirectory() !== true) {
    throw usageError(`${dir} ${facts === null ? 'does not exist' : 'is not a folder'}`);
  }
  return withConductor(invocation, async ({ client }) => {
    if (options.revoke === true) {
      const answer = await client.call('trust.revoke', { dir });
      if (output.json) output.document({ dir, ...answer });
      else output.line(`${counted(answer.revoked, 'approval')} taken back`);
      return Exit.ok;
    }
    const listed = await client.call('trust.list', { dir });
    const open = listed.entries.filter(({ approved }) => !approved);
    if (!output.json) {
      if (listed.entries.length === 0) output.line(`${listed.dir} brings nothing of its own.`);
      for (const entry of listed.entries) {
        const state = entry.approved ? output.out.green('approved') : output.out.yellow('not approved');
        output.line(`${entry.kind} ${output.out.bold(printable(entry.name))}: ${state}`);
        output.line(`  ${printable(entry.summary)}`);
        output.line(`  ${output.out.dim(`${printable(entry.path)}  sha256 ${entry.digest}`)}`);
      }
    }
    if (!approves || open.length === 0) {
      if (output.json) output.document(listed);
      else if (open.length > 0) output.info(`\nTo approve it: mzt trust ${folder ?? '.'} --approve`);
      return Exit.ok;
    }
    if (options.yes !== true) {
      const answer = await context.ask(
        `May ${counted(open.length, 'thing')} of this folder run as you? [y/N] `,
      );
      if (answer === null) throw usageError('nobody is there to ask', 'To approve without a question: --yes');
      if (!/^y(es)?$/i.test(answer.trim())) {
        output.line('Nothing was approved.');
        return Exit.failed;
      }
    }
    // The digests that were shown: what changed since is not among them, and is refused.
    const digests = [...new Set(open.map(({ digest }) => digest))];
    const answer = await client.call('trust.approve', { dir: listed.dir, digests });
    if (output.json) output.document({ dir: listed.dir, ...answer });
    else output.line(output.out.green(`${counted(answer.approved.length, 'approval')} recorded`));
    return answer.approved.length === digests.length ? Exit.ok : Exit.failed;
  });
}

/** An address is approved for all scores: no content can be looked at, so only its origin counts. */
async function trustUrl(invocation: Invocation, options: TrustOptions, url: string): Promise<ExitCode> {
  const { context, output } = invocation;
  const approves = options.approve === true || options.yes === true;
  if (approves && options.yes !== true) {
    const answer = await context.ask(`May any score send its prompts to ${printable(url)}? [y/N] `);
    if (answer === null) throw usageError('nobody is there to ask', 'To approve without a question: --yes');
    if (!/^y(es)?$/i.test(answer.trim())) {
      output.line('Nothing was approved.');
      return Exit.failed;
    }
  }
  return withConductor(invocation, async ({ client }) => {
    const changes = approves || options.revoke === true;
    const { origins, origin } = await client.call('trust.origins', changes ? { url, approve: approves } : {});
    if (output.json) output.document({ origins, origin });
    else if (changes)
      output.line(`${origin ?? url}: ${approves ? output.out.green('approved') : 'not approved any more'}`);
    else if (origins.length === 0) output.line('No address is approved.');
    else
      for (const entry of origins)
        output.line(`${printable(entry.origin)}  ${output.out.dim(entry.approved_at)}`);
    return Exit.ok;
  });
}
