// Saves the files that an approved edit of an agent has changed (`starling/save`), so that commands see the new text.

import { Uri, workspace } from 'vscode';

export const SAVE = 'starling/save';

/** Save those of the files that are open and have changed. */
export async function saveFiles({ uris }: { uris: readonly string[] }): Promise<null> {
    const paths = new Set(uris.map((uri) => Uri.parse(uri).fsPath));
    const changed = workspace.textDocuments.filter((one) => one.isDirty && paths.has(one.uri.fsPath));
    await Promise.all(changed.map((one) => one.save()));
    return null;
}
