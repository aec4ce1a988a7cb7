// Type-aware lint, and the rule of the house: which room may import which (docs/architecture.md, "Rooms").
import tseslint from 'typescript-eslint';

/** Room → rooms it may import, beside itself. */
const mayImport = {
  protocol: [],
  instruments: ['protocol'],
  score: ['protocol', 'instruments'],
  process: ['protocol'],
  backends: ['protocol', 'instruments', 'score', 'process'],
  conductor: ['protocol', 'instruments', 'score', 'process', 'backends'],
  client: ['protocol'],
  cli: ['client', 'protocol', 'score', 'instruments'],
  views: ['client', 'protocol', 'score', 'instruments'],
};
const rooms = Object.keys(mayImport);
const mayUseVscode = new Set(['views']);

const vscodeBan = { name: 'vscode', message: 'Only extension.ts and views/ import vscode.' };

const roomRules = rooms.map((room) => {
  const foreign = rooms.filter((other) => other !== room && !mayImport[room].includes(other));
  return {
    files: [`src/${room}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: mayUseVscode.has(room) ? [] : [vscodeBan],
          patterns: [
            {
              regex: `^(\\.\\./)+(${foreign.join('|')})(/|$)`,
              message: `${room}/ may import only: ${mayImport[room].join(', ') || 'nothing of ours'}.`,
            },
          ],
        },
      ],
    },
  };
});

export default tseslint.config(
  { ignores: ['dist/**', 'out/**', 'node_modules/**', '**/*.mjs', '**/*.cjs', '.cache/**'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      'no-console': 'error',
      eqeqeq: ['error', 'always'],
    },
  },
  ...roomRules,
  {
    files: ['src/extension.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^\\./conductor(/|$)', message: 'Nobody imports conductor.' }] },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: { 'no-console': 'off', '@typescript-eslint/no-unused-expressions': 'off' },
  },
);
