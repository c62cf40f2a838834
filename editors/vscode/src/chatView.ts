// The chat view in the side bar: a session with the team of agents. Runs the requests of the page, passes the server's
// events on to it, and keeps the state while the page is hidden. Start at `Chat.send`.

import { randomBytes } from 'node:crypto';
import {
    CancellationTokenSource,
    commands,
    type Disposable,
    type Memento,
    Uri,
    type WebviewView,
    type WebviewViewProvider,
    window,
    workspace,
} from 'vscode';
import { describeError } from './actions';
import { type Mode, readEvent, readRequest, readSteps, type Thumb, type ViewRequest } from './chatEvents';
import { convertHistory, type Entry, findNumbers } from './chatHistory';
import { renderChatPage } from './chatPage';
import { chooseSession, type SessionFacts } from './chatSessions';
import { type Action, type ChatState, EMPTY, type RoleFacts, reduce } from './chatState';
import type { Plans } from './plans';
import type { Proposals } from './proposals';
import { COMMANDS, type Server } from './server';

export const VIEW = 'starling.chat';
const STORED = 'starling.chat';
const MAX_ENTRIES = 10_000;

interface Ended {
    readonly session: string;
    readonly status: string;
    readonly text: string;
    readonly entries: number;
    readonly tokens: number;
    readonly cost: number;
    readonly seconds: number;
}

interface StoredSession {
    readonly session: SessionFacts | null;
    readonly plan: readonly unknown[];
    readonly history: readonly Entry[];
    readonly text: string;
}

/** What is kept between two runs of VS Code. */
interface Stored {
    readonly session: string;
    readonly mode: Mode;
    readonly role: string;
}

export class Chat implements WebviewViewProvider, Disposable {
    private state: ChatState = EMPTY;
    private view: WebviewView | undefined;
    private running: CancellationTokenSource | undefined;
    private lastEntry = 0;
    private restored = false;
    private readonly disposables: Disposable[];

    constructor(
        private readonly server: Server,
        private readonly proposals: Proposals,
        private readonly plans: Plans,
        private readonly extension: Uri,
        private readonly storage: Memento,
    ) {
        const { mode, role } = this.readStored();
        this.state = reduce(this.state, { type: 'chosen', mode, role });
        this.disposables = [
            window.registerWebviewViewProvider(VIEW, this),
            proposals.onDidAsk(() => this.apply({ type: 'question', question: proposals.question })),
            proposals.onDidChoose((parts) => this.apply({ type: 'taken', parts })),
            plans.onDidAsk((question) => this.apply({ type: 'planQuestion', question })),
        ];
    }

    resolveWebviewView(view: WebviewView): void {
        const dist = Uri.joinPath(this.extension, 'dist');
        this.view = view;
        view.webview.options = { enableScripts: true, localResourceRoots: [dist] };
        view.webview.onDidReceiveMessage((message: unknown) => {
            const request = readRequest(message);
            if (request !== undefined) {
                void this.handle(request);
            }
        });
        view.onDidDispose(() => {
            this.view = undefined;
        });
        const script = view.webview.asWebviewUri(Uri.joinPath(dist, 'chat.js')).toString();
        view.webview.html = renderChatPage(script, randomBytes(18).toString('base64url'));
    }

    /** Tell the view whether the server is running; at its first start, the session of the last time is opened again. */
    async setRunning(running: boolean): Promise<void> {
        this.apply({ type: 'server', running });
        if (!running) {
            return;
        }
        const { roles } = await this.server.run<{ roles: RoleFacts[] }>(COMMANDS.roles);
        this.apply({ type: 'roles', roles });
        const { session } = this.readStored();
        if (!this.restored && session !== '' && this.state.session === '') {
            await this.showSession(session).catch(() => undefined); // it was deleted elsewhere
        }
        this.restored = true;
    }

    /** Have the team answer `request` in the session that is open, or in a new one. */
    async send(request: string): Promise<void> {
        if (this.state.phase !== 'idle') {
            return;
        }
        const { session, mode, role } = this.state;
        const source = new CancellationTokenSource();
        this.running = source;
        this.apply({ type: 'asked', text: request });
        const takeEvent = (given: unknown): void => {
            const event = readEvent(given);
            if (event !== undefined) {
                this.apply({ type: 'event', event });
            }
        };
        try {
            const document = window.activeTextEditor?.document.uri.toString() ?? '';
            const given = { request, session, mode, role, document };
            const ended = await this.server.stream<Ended>(COMMANDS.ask, given, takeEvent, source.token);
            this.apply({ ...ended, type: 'ended' });
            await this.findEntries(ended);
        } catch (error) {
            const text = source.token.isCancellationRequested ? 'Stopped.' : describeError(error);
            this.apply({ type: 'ended', status: 'failed', text, tokens: 0, cost: 0, seconds: 0 });
        } finally {
            this.running = undefined;
            source.dispose();
            await this.store();
        }
    }

    /** Stop the request that is being answered; the session can be used afterwards. */
    async stop(): Promise<void> {
        if (this.state.phase !== 'working') {
            return;
        }
        const { session } = this.state;
        this.apply({ type: 'stopping' });
        if (session === '' || !(await this.cancel(session))) {
            this.running?.cancel(); // the request has not reached the team yet, or the server does not answer
        }
    }

    /** Begin a new session, and put the cursor into the input. */
    async openNew(): Promise<void> {
        if (this.refusesWhileWorking()) {
            return;
        }
        this.apply({ type: 'closed' });
        this.lastEntry = 0;
        await this.store();
        await commands.executeCommand(`${VIEW}.focus`);
    }

    /** List the sessions and open the one that the person chooses; the buttons of the list rename, export and delete. */
    async openOther(): Promise<void> {
        const { sessions } = await this.server.run<{ sessions: SessionFacts[] }>(COMMANDS.sessions, { limit: 200 });
        const chosen = await chooseSession(sessions, this.state.session);
        switch (chosen?.action) {
            case 'open':
                if (!this.refusesWhileWorking()) {
                    await this.showSession(chosen.session.id);
                    await commands.executeCommand(`${VIEW}.focus`);
                }
                break;
            case 'rename':
                await this.rename(chosen.session.id, chosen.session.title);
                break;
            case 'export':
                await this.export(chosen.session.id);
                break;
            case 'delete':
                await this.delete(chosen.session.id, chosen.session.title);
                break;
        }
    }

    async rename(session = this.requireSession(), title = this.state.title): Promise<void> {
        const given = (await window.showInputBox({ title: 'Rename the Session', value: title }))?.trim();
        if (given) {
            await this.server.run(COMMANDS.session, { session, action: 'rename', title: given });
            if (session === this.state.session) {
                this.apply({ type: 'named', session, title: given });
            }
        }
    }

    /** Open the whole session as Markdown in an editor, where it can be saved. */
    async export(session = this.requireSession()): Promise<void> {
        const { text } = await this.server.run<StoredSession>(COMMANDS.session, { session, action: 'export' });
        await window.showTextDocument(await workspace.openTextDocument({ language: 'markdown', content: text }));
    }

    async delete(session = this.requireSession(), title = this.state.title): Promise<void> {
        const sure = 'Delete';
        const detail = 'Its history is deleted, too. It cannot be restored.';
        const answer = await window.showWarningMessage(`Delete the session "${title}"?`, { modal: true, detail }, sure);
        if (answer !== sure) {
            return;
        }
        await this.server.run(COMMANDS.session, { session, action: 'delete' });
        if (session === this.state.session) {
            this.apply({ type: 'closed' });
            this.lastEntry = 0;
            await this.store();
        }
    }

    dispose(): void {
        this.running?.cancel();
        for (const one of this.disposables) {
            one.dispose();
        }
    }

    /** Have the server cancel the request that runs in `session`; return whether it did. */
    private async cancel(session: string): Promise<boolean> {
        try {
            return (await this.server.run<{ cancelled: boolean }>(COMMANDS.cancel, { session })).cancelled;
        } catch {
            return false;
        }
    }

    private async handle(request: ViewRequest): Promise<void> {
        try {
            await this.runRequest(request);
        } catch (error) {
            void window.showErrorMessage(`Starling: ${describeError(error)}`);
        }
    }

    private async runRequest(request: ViewRequest): Promise<void> {
        switch (request.type) {
            case 'ready':
                this.post({ type: 'state', state: this.state });
                return;
            case 'send':
                return this.send(request.text);
            case 'stop':
                return this.stop();
            case 'choose':
                this.apply({ type: 'chosen', mode: request.mode, role: request.role });
                return this.store();
            case 'thumb':
                return this.giveThumb(request.item, request.thumb);
            case 'answer':
                this.proposals.answerWith(request.answer);
                return;
            case 'take':
                this.proposals.take(request.parts, request.taken);
                return;
            case 'startPlan':
                this.plans.answer(request.id, { steps: request.steps });
                return;
            case 'refusePlan':
                this.plans.answer(request.id, { remark: request.remark });
                return;
            case 'run':
                await commands.executeCommand(request.command);
        }
    }

    private async giveThumb(id: number, thumb: Thumb | ''): Promise<void> {
        const item = this.state.items.find((one) => one.id === id);
        if (item?.kind === 'answer' && item.number !== 0) {
            const { session } = this.state;
            await this.server.run(COMMANDS.feedback, { session, entry: item.number, thumb: thumb || 'none' });
            this.apply({ type: 'thumb', item: id, thumb });
        }
    }

    /** Read a session of the server and show it. */
    private async showSession(id: string): Promise<void> {
        const given = { session: id, limit: MAX_ENTRIES };
        const { session, plan, history } = await this.server.run<StoredSession>(COMMANDS.session, given);
        if (session === null) {
            return;
        }
        const { title, role } = session;
        const items = convertHistory(history);
        this.apply({ type: 'opened', session: session.id, title, role, items, plan: readSteps(plan) });
        this.lastEntry = history.at(-1)?.number ?? 0;
        await this.store();
    }

    /** Find the entries of the answers of the last turn, so that feedback can name them. */
    private async findEntries(ended: Ended): Promise<void> {
        const given = { session: ended.session, after: this.lastEntry, limit: MAX_ENTRIES };
        const { history } = await this.server.run<StoredSession>(COMMANDS.session, given);
        for (const { item, number } of findNumbers(this.state.items, history)) {
            this.apply({ type: 'stored', item, number });
        }
        this.lastEntry = ended.entries;
    }

    private refusesWhileWorking(): boolean {
        const works = this.running !== undefined;
        if (works) {
            void window.showInformationMessage('Starling: the team is still working. Wait for its answer, or stop it.');
        }
        return works;
    }

    private requireSession(): string {
        if (this.state.session === '') {
            throw new Error('There is no session yet. Ask the team something first.');
        }
        return this.state.session;
    }

    private apply(action: Action): void {
        this.state = reduce(this.state, action);
        this.post(action);
    }

    private post(action: Action): void {
        void this.view?.webview.postMessage(action);
    }

    private readStored(): Stored {
        return this.storage.get<Stored>(STORED, { session: '', mode: 'plan', role: '' });
    }

    private async store(): Promise<void> {
        const { session, mode, role } = this.state;
        await this.storage.update(STORED, { session, mode, role } satisfies Stored);
    }
}
