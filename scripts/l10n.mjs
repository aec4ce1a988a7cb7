// Writes l10n/bundle.l10n.json: every text that the extension says at run time, for translators. node scripts/l10n.mjs [--check]
// A translation is a file beside it, bundle.l10n.<language>.json (and package.nls.<language>.json for the manifest).
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const root = join(import.meta.dirname, '..');
const target = join(root, 'l10n', 'bundle.l10n.json');
const texts = new Set();
const faults = [];

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sources(path) : path.endsWith('.ts') ? [path] : [];
  });
}

/** `l10n.t(…)`, `vscode.l10n.t(…)`, or `t(…)` where it was taken out of `vscode.l10n`. */
function isTranslation(callee) {
  if (ts.isIdentifier(callee)) return callee.text === 't';
  if (!ts.isPropertyAccessExpression(callee) || callee.name.text !== 't') return false;
  const { expression } = callee;
  return (ts.isIdentifier(expression) ? expression : expression.name)?.text === 'l10n';
}

for (const path of [join(root, 'src/extension.ts'), ...sources(join(root, 'src/views'))]) {
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const visit = (node) => {
    if (ts.isCallExpression(node) && isTranslation(node.expression)) {
      const [text] = node.arguments;
      if (text && ts.isStringLiteralLike(text)) texts.add(text.text);
      else {
        const { line } = file.getLineAndCharacterOfPosition(node.getStart());
        faults.push(`${path}:${line + 1}: the text is not written here, so nobody can translate it`);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
}

const bundle = Object.fromEntries([...texts].sort().map((text) => [text, text]));
const content = `${JSON.stringify(bundle, null, 2)}\n`;
if (process.argv.includes('--check')) {
  let there = '';
  try {
    there = readFileSync(target, 'utf8');
  } catch {
    // Told below.
  }
  if (there !== content)
    faults.push('l10n/bundle.l10n.json is not what the sources say: node scripts/l10n.mjs');
} else {
  mkdirSync(join(root, 'l10n'), { recursive: true });
  writeFileSync(target, content);
}
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
else console.log(`${texts.size} texts`);
