import { journey } from '../../scripts/vscode/journey.mjs';

const score = (name, script) => `name: ${name}
instrument: cli
sheet: { size: 1, total_items: 1 }
retry: { max_retries: 0, max_completion_attempts: 0 }
prompt: { template: '${script}' }
validations: []
`;

journey(
  'filter the jobs',
  {
    files: { 'good.yaml': score('good', 'echo done'), 'bad.yaml': score('bad', 'exit 3') },
    settings: { 'marianne.submit.ask': false, 'marianne.notifications': 'off' },
  },
  async ({ window, screenshot }) => {
    await window.showContainer('Marianne');
    const jobs = window.pane('Jobs');
    for (const [name, end] of [
      ['good', '1/1'],
      ['bad', 'failed'],
    ]) {
      await window.openFile(`${name}.yaml`);
      await window.command('Marianne: Submit Score');
      await window.row(jobs, name).filter({ hasText: end }).waitFor({ timeout: 30_000 });
    }
    await window.command('Marianne: Filter Jobs…');
    await window.pick(/Failed or waiting for you/);
    await window.row(jobs, 'good').waitFor({ state: 'detached' });
    await window.row(jobs, 'bad').waitFor();
    await screenshot('failed ones');
    await window.command('Marianne: Filter Jobs…');
    await window.pick(/Not over yet/);
    await window.page.getByText('No job is shown: Not over yet.').waitFor();
    await window.row(jobs, 'bad').waitFor({ state: 'detached' });
    await window.command('Marianne: Filter Jobs…');
    await window.pick(/All jobs/);
    await window.row(jobs, 'good').waitFor();
    await window.row(window.pane('Instruments'), 'cli').waitFor();
    await screenshot('all');
  },
);
