import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { renderTemplate, TemplateError } from '../../../../src/score/template';

const caseShape = z.object({
  name: z.string().optional(),
  template: z.string(),
  expected: z.string().nullable(),
  error: z.string().nullable(),
});
const read = (name: string): unknown => JSON.parse(readFileSync(join('test', 'fixtures', name), 'utf8'));
const conformance = z
  .object({ context: z.record(z.string(), z.unknown()), cases: z.array(caseShape) })
  .parse(read('jinja-conformance.json'));
const micro = z.object({ cases: z.array(caseShape) }).parse(read('jinja-micro.json'));

function check({ template, expected, error }: z.infer<typeof caseShape>): void {
  if (error === null) assert.equal(renderTemplate(template, conformance.context), expected);
  else {
    assert.throws(
      () => renderTemplate(template, conformance.context),
      (thrown) => thrown instanceof TemplateError && thrown.pythonClass === error,
      `${error} expected from ${template}`,
    );
  }
}

describe('Jinja2 conformance', () => {
  it('has all cases', () => assert.equal(conformance.cases.length, 164));
  for (const each of conformance.cases) it(each.name ?? each.template, () => check(each));

  describe('further cases recorded from Jinja2', () => {
    for (const each of micro.cases) it(each.template.slice(0, 60), () => check(each));
  });
});
