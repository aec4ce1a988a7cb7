/** A row of a tree as plain data: what is shown is decided without vscode, and tested so. */
export interface Row {
  /** Stable and unique in its tree. */
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly icon: { readonly id: string; readonly color?: string };
  /** Words that the manifest's `when` clauses look for. */
  readonly context: readonly string[];
  readonly collapsible: 'none' | 'collapsed' | 'expanded';
  /** Drawn in the colour of errors: an agent acts without asking. */
  readonly alarm?: boolean;
  /** What a screen reader says: the state in words. */
  readonly spoken: string;
}

/** Icons of states, the same in every view. Colours come from the theme. */
export const stateIcons = {
  running: { id: 'sync~spin', color: 'charts.blue' },
  passed: { id: 'pass', color: 'testing.iconPassed' },
  failed: { id: 'error', color: 'testing.iconFailed' },
  waiting: { id: 'clock', color: 'charts.yellow' },
  person: { id: 'bell-dot', color: 'charts.yellow' },
  paused: { id: 'debug-pause', color: 'charts.yellow' },
  pending: { id: 'circle-outline', color: 'descriptionForeground' },
  skipped: { id: 'debug-step-over', color: 'testing.iconSkipped' },
  cancelled: { id: 'circle-slash', color: 'testing.iconSkipped' },
  /** Not `history`: that is drawn as `clock` is. */
  retrying: { id: 'debug-restart', color: 'charts.orange' },
} as const;
