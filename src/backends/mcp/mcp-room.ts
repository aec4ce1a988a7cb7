/** The MCP library and what drives it, in a bundle of its own: a conductor whose scores choose no servers never needs it. Loaded by proxy.ts only. */
export { McpServer } from './server';
