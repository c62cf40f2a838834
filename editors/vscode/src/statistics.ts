// The view of statistics: asks the server and shows the page. Start at `Statistics.open`.

import { randomBytes } from 'node:crypto';
import { type Disposable, type Memento, ViewColumn, type WebviewPanel, window } from 'vscode';
import { type Counted, page, type Score, type Workflow } from './page';
import { COMMANDS, type Server } from './server';

const SCORES = 'starling.scores';
const MOST_SCORES = 200;

export class Statistics implements Disposable {
    private panel: WebviewPanel | undefined;

    constructor(
        private readonly server: Server,
        private readonly kept: Memento,
    ) {}

    /** Show the view, with the figures as they stand. */
    async open(): Promise<void> {
        const html = await this.html();
        if (this.panel === undefined) {
            this.panel = window.createWebviewPanel('starling.statistics', 'Starling Statistics', ViewColumn.Active, {
                enableScripts: false,
                localResourceRoots: [],
            });
            this.panel.onDidDispose(() => {
                this.panel = undefined;
            });
        }
        this.panel.webview.html = html;
        this.panel.reveal();
    }

    /** Keep the score of a report, for the line over time; it stays in this workspace's storage. */
    async keep(score: Score): Promise<void> {
        await this.kept.update(SCORES, [...this.scores(), score].slice(-MOST_SCORES));
    }

    dispose(): void {
        this.panel?.dispose();
    }

    private scores(): readonly Score[] {
        return this.kept.get<Score[]>(SCORES, []);
    }

    private async html(): Promise<string> {
        const [stats, workflows] = await Promise.all([
            this.server.run<{ completion: Counted }>(COMMANDS.stats),
            this.server.run<{ workflows: Workflow[] }>(COMMANDS.workflows, { limit: 100 }),
        ]);
        const figures = { completion: stats.completion, workflows: workflows.workflows, scores: this.scores() };
        return page(figures, randomBytes(18).toString('base64url'));
    }
}
