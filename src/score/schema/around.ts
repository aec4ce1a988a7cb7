import { z } from 'zod';
import { block, count, freeForm, maybe, positive, text } from './fields';

/** What surrounds a run: isolation, archives, logs, chaining, messages, tools. */
export const aroundFields = {
  spec: block({
    spec_dir: z.string().default('').describe('Folder with spec fragments; empty = off.'),
    include_claude_md: z.boolean().default(false).describe('Take `CLAUDE.md` as a fragment.'),
    fragments: z.array(z.unknown()).default([]).describe('Filled at run time.'),
  }).describe('Specification fragments put into prompts.'),
  ai_review: block({
    enabled: z.boolean().default(false).describe('Let a model review changes.'),
    min_score: count(0, 100).default(60).describe('Below it, `on_low_score` applies.'),
    target_score: count(0, 100).default(80).describe('Score aimed at.'),
    on_low_score: z.enum(['retry', 'warn', 'fail']).default('warn').describe('What to do.'),
    max_retry_for_review: count(0, 5).default(2).describe('Retries for a better score.'),
    review_prompt_template: maybe(z.string()).describe('Prompt of the review.'),
  }).describe('Review of changes by a model.'),
  logging: block({
    level: z.enum(['DEBUG', 'INFO', 'WARNING', 'ERROR']).default('INFO').describe('Least level.'),
    format: z.enum(['json', 'console', 'both']).default('console').describe('Form.'),
    file_path: maybe(z.string()).describe('Log file; needed for `both`.'),
    max_file_size_mb: count(1, 1000).default(50).describe('Size at which the file is rotated.'),
    backup_count: count(0, 100).default(5).describe('Old files kept.'),
    include_timestamps: z.boolean().default(true).describe('With times.'),
    include_context: z.boolean().default(true).describe('With job and sheet.'),
  }).describe('Logging.'),
  workspace_lifecycle: block({
    archive_on_fresh: z.boolean().default(false).describe('Move old results away before a fresh run.'),
    archive_dir: z.string().default('archive').describe('Where to, in the workspace.'),
    archive_naming: z.enum(['iteration', 'timestamp']).default('iteration').describe('Names of archives.'),
    max_archives: count(0).default(0).describe('Archives kept; 0 = all.'),
    preserve_patterns: z
      .array(text())
      .default(['.iteration', '.marianne-*', '.coverage', 'archive/**', '.worktrees/**'])
      .describe('What stays (glob patterns on top-level names).'),
  }).describe('What happens to the workspace between runs.'),
  isolation: block({
    enabled: z.boolean().default(false).describe('Run in a git worktree of its own.'),
    mode: z.enum(['none', 'worktree']).default('worktree').describe('Kind of isolation.'),
    worktree_base: maybe(z.string()).describe('Folder of worktrees. Default `<repository>/.worktrees`.'),
    branch_prefix: z
      .string()
      .regex(/^[a-zA-Z][a-zA-Z0-9_-]*$/, 'a letter, then letters, digits, `_` or `-`')
      .default('marianne')
      .describe('First part of the branch name.'),
    source_branch: maybe(z.string()).describe('Branch to start from. Default: HEAD.'),
    cleanup_on_success: z.boolean().default(true).describe('Remove the worktree after success.'),
    cleanup_on_failure: z.boolean().default(false).describe('Remove the worktree after a failure.'),
    lock_during_execution: z.boolean().default(true).describe('Lock the worktree meanwhile.'),
    fallback_on_error: z.boolean().default(true).describe('Run without isolation when it fails.'),
  }).describe('Isolation in a git worktree.'),
  feedback: block({
    enabled: z.boolean().default(false).describe('Collect what agents say about the score.'),
    pattern: z
      .string()
      .default('(?s)FEEDBACK_START(.+?)FEEDBACK_END')
      .describe('Regular expression; group 1 is the feedback.'),
    format: z.enum(['json', 'yaml', 'text']).default('json').describe('Its format.'),
  }).describe('Feedback of agents.'),
  conductor: block({
    name: z.string().min(1).max(100).default('default').describe('Name of who conducts.'),
    role: z.enum(['human', 'ai', 'hybrid']).default('human').describe('Who conducts.'),
    identity_context: maybe(z.string().max(500)).describe('About them.'),
    preferences: block({
      prefer_minimal_output: z.boolean().default(false).describe('Less output.'),
      escalation_response_timeout_seconds: positive()
        .default(300)
        .describe('How long to wait for an answer.'),
      auto_retry_on_transient_errors: z.boolean().default(true).describe('Retry without asking.'),
      notification_channels: z.array(z.string()).default([]).describe('Where to send messages.'),
    }).describe('Preferences.'),
  }).describe('Who conducts this score.'),
  bridge: maybe(
    z.strictObject({
      enabled: z.boolean().default(false).describe('Give local models tools.'),
      mcp_proxy_enabled: z.boolean().default(true).describe('Through an MCP proxy.'),
      mcp_servers: z
        .array(
          z.strictObject({
            name: z.string().describe('Name.'),
            command: z.string().describe('Program.'),
            args: z.array(z.string()).default([]).describe('Arguments.'),
            env: z.record(z.string(), z.string()).default({}).describe('Environment variables.'),
            working_dir: maybe(z.string()).describe('Where it runs.'),
            timeout_seconds: positive().default(30).describe('Time limit, in seconds.'),
          }),
        )
        .default([])
        .describe('Servers.'),
      hybrid_routing_enabled: z.boolean().default(false).describe('Choose the model by difficulty.'),
      complexity_threshold: z.number().min(0).max(1).default(0.7).describe('When to take the large one.'),
      fallback_to_claude: z.boolean().default(true).describe('When the local model fails.'),
      context_budget_percent: count(10, 95).default(75).describe('Share of the context for content.'),
    }),
  ).describe('Tools for local models.'),
  techniques: z
    .record(
      text(),
      z.strictObject({
        kind: z.enum(['skill', 'mcp', 'protocol']).describe('Kind of technique.'),
        phases: z.array(z.string()).describe('Stage numbers as text, or `all`.'),
        config: freeForm().default({}).describe('Settings of the technique.'),
      }),
    )
    .default({})
    .describe('Skills, MCP servers and protocols for certain stages.'),
  agent_card: maybe(
    z.strictObject({
      name: z.string().describe('Name.'),
      description: z.string().describe('What it does.'),
      skills: z
        .array(
          z.strictObject({ id: z.string().describe('Id.'), description: z.string().describe('Meaning.') }),
        )
        .default([])
        .describe('Skills.'),
    }),
  ).describe('How this score presents itself to other agents.'),
  notifications: z
    .array(
      z.strictObject({
        type: z.enum(['desktop', 'slack', 'webhook', 'email']).describe('Channel.'),
        on_events: z
          .array(
            z.enum([
              'job_start',
              'sheet_start',
              'sheet_complete',
              'sheet_failed',
              'job_complete',
              'job_failed',
              'job_paused',
            ]),
          )
          .default(['job_complete', 'job_failed'])
          .describe('When to send.'),
        config: freeForm().default({}).describe('Settings of the channel.'),
      }),
    )
    .default([])
    .describe('Messages about the run.'),
  on_success: z
    .array(
      z.strictObject({
        type: z.enum(['run_job', 'run_command', 'run_script']).describe('What to do.'),
        job_path: maybe(z.string()).describe('Score to run next (`run_job`).'),
        job_workspace: maybe(z.string()).describe('Its workspace.'),
        inherit_learning: z.boolean().default(true).describe('Hand on what was learned.'),
        command: maybe(z.string().max(4096)).describe('Command (`run_command`, `run_script`).'),
        working_directory: maybe(z.string()).describe('Where it runs. Default: the workspace.'),
        description: maybe(z.string()).describe('What it is for.'),
        on_failure: z.enum(['continue', 'abort']).default('continue').describe('When it fails.'),
        timeout_seconds: positive().default(300).describe('Time limit, in seconds.'),
        detached: z.boolean().default(false).describe('Do not wait for it.'),
        fresh: z.boolean().default(false).describe('Start the next job clean.'),
        pause_before_chain: z.boolean().default(false).describe('Wait for a person before.'),
      }),
    )
    .default([])
    .describe('What to do after the job has completed.'),
  concert: block({
    enabled: z.boolean().default(false).describe('This score is part of a chain.'),
    max_chain_depth: count(1, 100).default(5).describe('Longest chain.'),
    cooldown_between_jobs_seconds: z.number().min(0).default(5).describe('Pause between jobs, in seconds.'),
    inherit_workspace: z.boolean().default(true).describe('The next job uses the same workspace.'),
    concert_log_path: maybe(z.string()).describe('Log of the chain.'),
    abort_concert_on_hook_failure: z.boolean().default(false).describe('End the chain when a hook fails.'),
  }).describe('Chaining of jobs.'),
  state_backend: z.enum(['json', 'sqlite']).default('sqlite').describe('Store of the older system.'),
  state_path: maybe(z.string()).describe('Place of that store.'),
};
