// What stands between VS Code's ghost text and the server's suggestions: pauses, what the status bar shows, and reports
// of parts taken. The suggestions themselves are the server's, the keys VS Code's. Start at `Completions.middleware`.

import { type Disposable, EventEmitter, type InlineCompletionItem, type TextDocument, window, workspace } from 'vscode';
import type { Middleware } from 'vscode-languageclient';
import { Acceptance } from './acceptance';
import { Pauses } from './pauses';
import { SECTION } from './settings';

export const ACCEPTED = 'starling.completion.accepted';
const THINKING_AFTER_MS = 150; // what comes at once is not worth a spinner
const HOUR_MS = 3_600_000;

export class Completions implements Disposable {
    private readonly acceptance = new Acceptance();
    private readonly changes = new EventEmitter<void>();
    private readonly disposables: Disposable[];
    readonly pauses = new Pauses();
    /** How many requests have taken long enough to be shown. */
    waiting = 0;
    readonly onDidChange = this.changes.event;

    constructor(private readonly report: (taken: { id: string; length: number }) => void) {
        this.disposables = [
            this.changes,
            workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
                const [change] = contentChanges;
                if (change === undefined || contentChanges.length !== 1) {
                    return;
                }
                const { rangeOffset, rangeLength, text } = change;
                const taken = this.acceptance.changed(document.uri.toString(), rangeOffset, rangeLength, text);
                if (taken !== undefined) {
                    this.report(taken);
                }
            }),
        ];
    }

    readonly middleware: Middleware = {
        provideInlineCompletionItems: async (document, position, context, token, next) => {
            if (this.reason(document) !== '') {
                return [];
            }
            let counted = false;
            const timer = setTimeout(() => {
                counted = true;
                this.count(1);
            }, THINKING_AFTER_MS);
            try {
                const found = await next(document, position, context, token);
                const items = Array.isArray(found) ? found : (found?.items ?? []);
                this.acceptance.offer(
                    document.uri.toString(),
                    items.flatMap((item) => offered(document, item)),
                );
                return found;
            } finally {
                clearTimeout(timer);
                if (counted) {
                    this.count(-1);
                }
            }
        },
    };

    /** Why nothing is offered in a document, "" where it is. */
    reason(document: TextDocument | undefined): string {
        const settings = workspace.getConfiguration(SECTION, document);
        return this.pauses.reason(
            document?.uri.toString() ?? '',
            document?.languageId ?? '',
            settings.get<string[]>('completion.languagesOff', []),
            settings.get('completion.enabled', true),
        );
    }

    toggleFile(): void {
        const document = window.activeTextEditor?.document;
        if (document !== undefined) {
            this.pauses.toggleFile(document.uri.toString());
            this.changes.fire();
        }
    }

    pauseAnHour(): void {
        this.pauses.pause(HOUR_MS);
        setTimeout(() => this.changes.fire(), HOUR_MS).unref();
        this.changes.fire();
    }

    resume(): void {
        this.pauses.resume();
        this.changes.fire();
    }

    dispose(): void {
        for (const one of this.disposables) {
            one.dispose();
        }
    }

    private count(by: number): void {
        this.waiting += by;
        this.changes.fire();
    }
}

function offered(document: TextDocument, item: InlineCompletionItem): { id: string; text: string; offset: number }[] {
    const id: unknown = item.command?.arguments?.[0]?.id;
    const { insertText, range } = item;
    if (typeof id !== 'string' || typeof insertText !== 'string' || range === undefined) {
        return [];
    }
    // what the suggestion repeats of the line already stands there
    return [{ id, text: insertText, offset: document.offsetAt(range.start) }];
}
