/** A server that cannot be used; the message names it and the remedy. */
export class McpUnavailable extends Error {
  override readonly name = 'McpUnavailable';
}

/** How the markers of a state directory's servers begin. No run has an empty name, so no run's marker does. */
export function serverMarkerPrefix(stateHash: string): string {
  return `${stateHash}::mcp:`;
}

/** How the markers of one conductor's servers begin. */
export function ownMarkerPrefix(conductor: {
  readonly stateHash: string;
  readonly instance: string;
}): string {
  return `${serverMarkerPrefix(conductor.stateHash)}${conductor.instance}:`;
}
