import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { renderTemplate, TemplateError } from '../../../../src/score/template';

const fixture = z
  .object({
    context: z.record(z.string(), z.unknown()),
    cases: z.array(
      z.object({
        name: z.string(),
        template: z.string(),
        expected: z.string().nullable(),
        error: z.string().nullable(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(join('test', 'fixtures', 'jinja-conformance.json'), 'utf8')));

describe('Jinja2 conformance cases', () => {
  it('has all cases', () => assert.equal(fixture.cases.length, 164));

  for (const { name, template, expected, error } of fixture.cases) {
    it(name, () => {
      if (error === null) assert.equal(renderTemplate(template, fixture.context), expected);
      else {
        assert.throws(
          () => renderTemplate(template, fixture.context),
          (thrown) => thrown instanceof TemplateError && thrown.pythonClass === error,
        );
      }
    });
  }
});
