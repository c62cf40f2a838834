// Documents that are only shown: texts of one scheme, kept while they are needed. Start at `Texts.put`.

import { type Disposable, EventEmitter, type TextDocumentContentProvider, Uri, workspace } from 'vscode';

export class Texts implements TextDocumentContentProvider, Disposable {
    private readonly kept = new Map<string, string>();
    private readonly changed = new EventEmitter<Uri>();
    private readonly registered: Disposable;
    readonly onDidChange = this.changed.event;

    constructor(readonly scheme: string) {
        this.registered = workspace.registerTextDocumentContentProvider(scheme, this);
    }

    /** Show `text` under a path, whose ending says what language it is; `part` tells several of one path apart. */
    put(path: string, part: string, text: string): Uri {
        const uri = Uri.from({ scheme: this.scheme, path: path.startsWith('/') ? path : `/${path}`, query: part });
        this.kept.set(uri.toString(), text);
        this.changed.fire(uri);
        return uri;
    }

    drop(uri: Uri): void {
        this.kept.delete(uri.toString());
    }

    provideTextDocumentContent(uri: Uri): string {
        return this.kept.get(uri.toString()) ?? '';
    }

    dispose(): void {
        this.registered.dispose();
        this.changed.dispose();
    }
}
