// The statistics view: asks the server for its counts and shows them as a page. Start at `Statistics.open`.

import { randomBytes } from 'node:crypto';
import { type Disposable, type Memento, ViewColumn, type WebviewPanel, window } from 'vscode';
import { type Counted, type RoleUse, renderPage, type Score, type TeamDay, type Workflow } from './page';
import { COMMANDS, type Server } from './server';

const SCORES = 'starling.scores';
const MAX_SCORES = 200;

export class Statistics implements Disposable {
    private panel: WebviewPanel | undefined;

    constructor(
        private readonly server: Server,
        private readonly storage: Memento,
    ) {}

    /** Open the view with the current figures; an open view is updated. */
    async open(): Promise<void> {
        const html = await this.renderPage();
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

    /** Save the score of a review in the workspace's storage, for the chart of scores over time. */
    async saveScore(score: Score): Promise<void> {
        await this.storage.update(SCORES, [...this.readScores(), score].slice(-MAX_SCORES));
    }

    dispose(): void {
        this.panel?.dispose();
    }

    private readScores(): readonly Score[] {
        return this.storage.get<Score[]>(SCORES, []);
    }

    private async renderPage(): Promise<string> {
        const [stats, workflows] = await Promise.all([
            this.server.run<{ completion: Counted; team: TeamDay[]; roles: RoleUse[] }>(COMMANDS.stats),
            this.server.run<{ workflows: Workflow[] }>(COMMANDS.workflows, { limit: 100 }),
        ]);
        const { completion, team, roles } = stats;
        const figures = { completion, team, roles, workflows: workflows.workflows, scores: this.readScores() };
        return renderPage(figures, randomBytes(18).toString('base64url'));
    }
}
