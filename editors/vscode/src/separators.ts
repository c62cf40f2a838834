// The titled lines between the groups of a pick list.

import { type QuickPickItem, QuickPickItemKind } from 'vscode';

export function createSeparator(label: string): QuickPickItem {
    return { label, kind: QuickPickItemKind.Separator };
}
