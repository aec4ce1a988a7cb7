import type { Tool, ToolBox, ToolResult } from '../../src/backends/tools/contract';

/** Tools with fixed answers, for what a backend does with any. */
export class FixedTools implements ToolBox {
  readonly calls: { readonly name: string; readonly args: unknown }[] = [];
  disposed = false;

  constructor(
    private readonly tools: readonly Tool[],
    private readonly answer: (name: string, args: unknown, signal: AbortSignal) => Promise<ToolResult>,
  ) {}

  list(): Promise<readonly Tool[]> {
    return Promise.resolve(this.tools);
  }

  call(name: string, args: unknown, signal: AbortSignal): Promise<ToolResult> {
    this.calls.push({ name, args });
    return this.answer(name, args, signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
    return Promise.resolve();
  }
}

export function textResult(text: string, isError = false): ToolResult {
  return { isError, content: [{ type: 'text', text }] };
}

/** A tool with one text argument. */
export function textTool(name: string): Tool {
  return {
    name,
    description: `The tool ${name}.`,
    inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
  };
}
