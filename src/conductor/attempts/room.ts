/** A state that passes when there is room again. `EFBIG` is a limit of this process, set with `ulimit`. */
const fullCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Wait before what did not fit is written again, milliseconds. */
export const diskFullMs = 2000;

/** Does this errno say that there is no room? */
export function isDiskFull(code: string | undefined): boolean {
  return code !== undefined && fullCodes.has(code);
}
