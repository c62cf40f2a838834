// Handles the server's progress reports (`$/progress`). Indexing and the loading of a model are shown in the status bar
// only. Other jobs are counted there; VS Code shows them, except the work of the team, which the chat view shows. Start at
// `Progress.middleware`.

import { EventEmitter } from 'vscode';
import type { Middleware } from 'vscode-languageclient';
import type { Loading } from './status';

// The server's titles; the second is followed by the model's name.
const INDEXING = 'Indexing';
const LOADING = 'Loading';
const TEAM = 'Starling: the team';

export class Progress {
    private readonly counts = new EventEmitter<1 | -1>();
    private readonly shares = new EventEmitter<number | undefined>();
    private readonly loads = new EventEmitter<Loading | undefined>();
    private readonly indexing = new Set<string | number>();
    private readonly loading = new Map<string | number, Loading>();
    private readonly others = new Set<string | number>();
    private readonly teams = new Set<string | number>();
    readonly onDidChange = this.counts.event;
    readonly onDidIndex = this.shares.event;
    readonly onDidLoad = this.loads.event;

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
            if (params.kind === 'begin' && params.title.startsWith(`${LOADING} `)) {
                this.loading.set(token, {
                    name: params.title.slice(LOADING.length + 1),
                    percentage: undefined,
                    message: '',
                });
            }
            const known = this.loading.get(token);
            if (known !== undefined) {
                if (params.kind === 'end') {
                    this.loading.delete(token);
                    this.loads.fire([...this.loading.values()].pop());
                } else {
                    const { percentage = known.percentage, message = known.message } = params;
                    this.loading.set(token, { ...known, percentage, message });
                    this.loads.fire(this.loading.get(token));
                }
                return;
            }
            if (params.kind === 'begin' && params.title === TEAM) {
                this.teams.add(token);
            }
            const hidden = this.teams.has(token);
            if (params.kind === 'begin' && !this.others.has(token)) {
                this.others.add(token);
                this.counts.fire(1);
            } else if (params.kind === 'end' && this.others.delete(token)) {
                this.counts.fire(-1);
                this.teams.delete(token);
            }
            if (!hidden) {
                next(token, params);
            }
        },
    };
}
