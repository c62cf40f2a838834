// What the server says it is doing (`$/progress`): indexing goes to the status bar alone, other work is counted there and
// shown as VS Code shows it. Start at `Work.middleware`.

import { EventEmitter } from 'vscode';
import type { Middleware } from 'vscode-languageclient';

const INDEXING = 'Indexing'; // the title the server gives it

export class Work {
    private readonly counts = new EventEmitter<1 | -1>();
    private readonly shares = new EventEmitter<number | undefined>();
    private readonly indexing = new Set<string | number>();
    private readonly others = new Set<string | number>();
    readonly onDidChange = this.counts.event;
    readonly onDidIndex = this.shares.event;

    readonly middleware: Middleware = {
        handleWorkDoneProgress: (token, params, next) => {
            if (params.kind === 'begin' && params.title === INDEXING) {
                this.indexing.add(token);
            }
            if (this.indexing.has(token)) {
                this.shares.fire(params.kind === 'end' ? undefined : (params.percentage ?? 0));
                if (params.kind === 'end') {
                    this.indexing.delete(token);
                }
                return;
            }
            if (params.kind === 'begin' && !this.others.has(token)) {
                this.others.add(token);
                this.counts.fire(1);
            } else if (params.kind === 'end' && this.others.delete(token)) {
                this.counts.fire(-1);
            }
            next(token, params);
        },
    };
}
