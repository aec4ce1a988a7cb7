/**
 * Tools that a model behind an HTTP instrument may call: the built-in file tools and those of MCP servers look the same from here.
 * Names and shapes follow the Model Context Protocol's `tools/list` and `tools/call`.
 */
export interface Tool {
  /** Unique in its box; `[A-Za-z0-9_-]{1,64}`, which every vendor takes. */
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments; always of type object. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

export type ToolContent =
  | { readonly type: 'text'; readonly text: string }
  /** `data` is base64. */
  | { readonly type: 'image'; readonly mimeType: string; readonly data: string }
  | {
      readonly type: 'resource';
      readonly uri: string;
      readonly mimeType: string | null;
      /** Null for a binary resource. */
      readonly text: string | null;
    };

export interface ToolResult {
  /** The tool says that it failed; the model is told and goes on. */
  readonly isError: boolean;
  readonly content: readonly ToolContent[];
}

/** The tools of one attempt. Calls may run side by side. */
export interface ToolBox extends AsyncDisposable {
  /** In the order they are offered. @throws Error when a server that the score names cannot be used; the message names it and the remedy. */
  list(): Promise<readonly Tool[]>;
  /** Never throws for a failure of the tool, an unknown name or wrong arguments: each is a result with `isError`. Throws only when `signal` is aborted. */
  call(name: string, args: unknown, signal: AbortSignal): Promise<ToolResult>;
}
