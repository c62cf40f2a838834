// Read-only documents of one URI scheme, whose texts are held in memory while they are needed. Start at `Texts.put`.

import { type Disposable, EventEmitter, type TextDocumentContentProvider, Uri, workspace } from 'vscode';

export class Texts implements TextDocumentContentProvider, Disposable {
    private readonly texts = new Map<string, string>();
    private readonly changed = new EventEmitter<Uri>();
    private readonly registered: Disposable;
    readonly onDidChange = this.changed.event;

    constructor(readonly scheme: string) {
        this.registered = workspace.registerTextDocumentContentProvider(scheme, this);
    }

    /**
     * Store `text` and return the URI that shows it. The ending of `path` decides the language; `part` tells several
     * texts with the same path apart.
     */
    put(path: string, part: string, text: string): Uri {
        const uri = Uri.from({ scheme: this.scheme, path: path.startsWith('/') ? path : `/${path}`, query: part });
        this.texts.set(uri.toString(), text);
        this.changed.fire(uri);
        return uri;
    }

    /** Show another text at a URI that `put` returned. */
    replace(uri: Uri, text: string): void {
        if (this.texts.get(uri.toString()) !== text) {
            this.texts.set(uri.toString(), text);
            this.changed.fire(uri);
        }
    }

    remove(uri: Uri): void {
        this.texts.delete(uri.toString());
    }

    provideTextDocumentContent(uri: Uri): string {
        return this.texts.get(uri.toString()) ?? '';
    }

    dispose(): void {
        this.registered.dispose();
        this.changed.dispose();
    }
}
