import type { InstrumentCatalogue } from '../catalogue';
import type { ScoreFiles } from '../files';
import type { Findings } from '../findings';
import type { Score } from '../parse';
import type { Plan } from '../plan';
import type { Template } from '../template';
import type { TemplateSource } from '../template-source';

/** What every group of checks works on. */
export interface CheckContext {
  readonly score: Score;
  readonly plan: Plan;
  readonly files: ScoreFiles;
  readonly catalogue: InstrumentCatalogue;
  readonly findings: Findings;
  /** Null when the template could not be read or parsed. */
  readonly template: { readonly source: TemplateSource; readonly parsed: Template } | null;
}
