// The layer between VS Code's ghost text and the server's suggestions: pauses them, counts slow requests for the status
// bar, and reports partial acceptances. Start at `Completions.middleware`.

import { type Disposable, EventEmitter, type InlineCompletionItem, type TextDocument, window, workspace } from 'vscode';
import type { Middleware } from 'vscode-languageclient';
import { Acceptance, type AcceptedPart, type Suggestion } from './acceptance';
import { Pauses } from './pauses';
import { SECTION } from './settings';

export const ACCEPTED = 'starling.completion.accepted';
const THINKING_AFTER_MS = 150; // a faster answer needs no spinner
const HOUR_MS = 3_600_000;

export class Completions implements Disposable {
    private readonly acceptance = new Acceptance();
    private readonly changes = new EventEmitter<void>();
    private readonly disposables: Disposable[];
    readonly pauses = new Pauses();
    /** The document and its version for which the last answer had suggestions. */
    private suggested: { readonly document: TextDocument; readonly version: number } | undefined;
    /** The number of open requests that have taken longer than THINKING_AFTER_MS. */
    slowRequests = 0;
    readonly onDidChange = this.changes.event;

    constructor(private readonly reportPart: (part: AcceptedPart) => void) {
        this.disposables = [
            this.changes,
            workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
                const [change] = contentChanges;
                if (change === undefined || contentChanges.length !== 1) {
                    return;
                }
                const { rangeOffset, rangeLength, text } = change;
                const part = this.acceptance.findAcceptedPart(document.uri.toString(), rangeOffset, rangeLength, text);
                if (part !== undefined) {
                    this.reportPart(part);
                }
            }),
        ];
    }

    readonly middleware: Middleware = {
        provideInlineCompletionItems: async (document, position, context, token, next) => {
            if (this.getPauseReason(document) !== '') {
                return [];
            }
            let counted = false;
            const { version } = document;
            const timer = setTimeout(() => {
                counted = true;
                this.countSlowRequests(1);
            }, THINKING_AFTER_MS);
            try {
                const found = await next(document, position, context, token);
                const items = Array.isArray(found) ? found : (found?.items ?? []);
                this.acceptance.setSuggestions(
                    document.uri.toString(),
                    items.flatMap((item) => describeSuggestion(document, item)),
                );
                this.suggested = items.length > 0 ? { document, version } : undefined;
                this.changes.fire();
                return found;
            } finally {
                clearTimeout(timer);
                if (counted) {
                    this.countSlowRequests(-1);
                }
            }
        },
    };

    /** Whether there are suggestions for the present text of a document; the person may have dismissed them. */
    hasSuggestions(document: TextDocument): boolean {
        return this.suggested?.document === document && this.suggested.version === document.version;
    }

    /** Return why suggestions are off in a document, such as "for this file"; "" if they are on. */
    getPauseReason(document: TextDocument | undefined): string {
        const settings = workspace.getConfiguration(SECTION, document);
        return this.pauses.getReason(
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

    pauseForAnHour(): void {
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

    private countSlowRequests(change: number): void {
        this.slowRequests += change;
        this.changes.fire();
    }
}

/** Return what `Acceptance` needs to know about a suggestion; [] if it has no id, plain text or range. */
function describeSuggestion(document: TextDocument, item: InlineCompletionItem): Suggestion[] {
    const id: unknown = item.command?.arguments?.[0]?.id;
    const { insertText, range } = item;
    if (typeof id !== 'string' || typeof insertText !== 'string' || range === undefined) {
        return [];
    }
    return [{ id, text: insertText, offset: document.offsetAt(range.start) }];
}
