import * as vscode from 'vscode';
import { alarmResource } from './alarm-decorations';
import type { Row } from './row';

const collapsible: Record<Row['collapsible'], vscode.TreeItemCollapsibleState> = {
  none: vscode.TreeItemCollapsibleState.None,
  collapsed: vscode.TreeItemCollapsibleState.Collapsed,
  expanded: vscode.TreeItemCollapsibleState.Expanded,
};

/** A row as VS Code draws it. The tooltip is made when it is asked for. */
export function treeItem(row: Row): vscode.TreeItem {
  const item = new vscode.TreeItem(row.label, collapsible[row.collapsible]);
  const { id, color } = row.icon;
  item.id = row.id;
  item.description = row.description;
  item.iconPath = new vscode.ThemeIcon(id, color === undefined ? undefined : new vscode.ThemeColor(color));
  if (row.alarm === true) item.resourceUri = alarmResource(row.id);
  item.contextValue = row.context.join(' ');
  item.accessibilityInformation = { label: row.spoken };
  return item;
}
