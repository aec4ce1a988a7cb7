/** Texts that people read. Views call `l10n.t` so that the same code runs in plain Node (tests) and in VS Code, which translates. */
type Translate = (message: string, ...args: (string | number | boolean)[]) => string;

/** Fills `{0}`, `{1}` … as VS Code does. */
const fill: Translate = (message, ...args) =>
  message.replace(/\{(\d+)\}/g, (placeholder, index: string) => String(args[Number(index)] ?? placeholder));

let translate: Translate = fill;

export const l10n = {
  t: (message: string, ...args: (string | number | boolean)[]): string => translate(message, ...args),
};

/** Called once at activation with VS Code's own. */
export function useTranslator(translator: Translate): void {
  translate = translator;
}
