// Finds, starts, watches, restarts and stops the server. If the server cannot run, one message says so, with buttons for
// what a person can do. The language features themselves are the client library's. Start at `Service.start`.

import {
    type CancellationToken,
    CancellationTokenSource,
    commands,
    type Disposable,
    EventEmitter,
    type ExtensionContext,
    type LogOutputChannel,
    ProgressLocation,
    Uri,
    window,
    workspace,
} from 'vscode';
import {
    CloseAction,
    ErrorAction,
    LanguageClient,
    type LanguageClientOptions,
    type Middleware,
    ResponseError,
    State,
    type StaticFeature,
} from 'vscode-languageclient/node';
import { ASK, askPerson } from './asking';
import { openConnection, resolveAddress } from './connection';
import { Environment, EnvironmentError } from './environment';
import {
    createEnvironment,
    describeMachine,
    findServer,
    isObstacle,
    type Launch,
    type Obstacle,
    type Remedy,
} from './launch';
import { PLAN, type Plans } from './plans';
import { CONFIRM, type Proposals } from './proposals';
import { connectTo, nameServer } from './remote';
import { SAVE, saveFiles } from './saving';
import { readExplicitSettings, readRemoteServer, SECTION } from './settings';
import type { Phase } from './status';

const MAX_EXITS = 5; // within this time; then the server is not restarted any more
const EXITS_WITHIN_MS = 180_000;

const REMEDIES: Record<Remedy, { title: string; command: string }> = {
    install: { title: 'Install It', command: 'starling.server.install' },
    setting: { title: 'Choose a Program', command: 'starling.server.configure' },
    log: { title: 'Show Log', command: 'starling.showLog' },
    restart: { title: 'Try Again', command: 'starling.server.restart' },
    server: { title: 'Open Settings', command: 'starling.settings.open' },
    login: { title: 'Log In', command: 'starling.server.logIn' },
};

export const CHANGED = 'starling/changed';

/** What another process has changed. */
export interface StateChange {
    readonly tasks: boolean;
    readonly questions: boolean;
    readonly memory: boolean;
}

/**
 * Declares to the server that this client shows its questions itself (`starling/confirm`, `starling/ask`,
 * `starling/plan`), saves files (`starling/save`), reads lists again that have changed (`starling/changed`), shows next
 * edits (`starling/nextEdit`), and asks for a login where one is needed.
 */
const confirmFeature: StaticFeature = {
    fillClientCapabilities: (capabilities) => {
        capabilities.experimental = {
            ...capabilities.experimental,
            starling: {
                confirm: true,
                hunks: true,
                permit: true,
                ask: true,
                plan: true,
                save: true,
                changed: true,
                nextEdit: true,
                login: true,
            },
        };
    },
    initialize: () => undefined,
    getState: () => ({ kind: 'static' }),
    clear: () => undefined,
};

/** A client that shows no failure of its start: the service shows it, with what a person can do. */
class QuietClient extends LanguageClient {
    override error(message: string, data?: unknown, showNotification?: boolean | 'force'): void {
        super.error(message, data, this.state === State.Running ? showNotification : false);
    }
}

export class Service implements Disposable {
    private readonly phases = new EventEmitter<Phase>();
    private readonly stateChanges = new EventEmitter<StateChange>();
    /** Fires when the connection to a server has ended. */
    private readonly ends = new EventEmitter<undefined>();
    private readonly environment: Environment;
    private client: LanguageClient | undefined;
    private exits: number[] = [];
    private turn: Promise<unknown> = Promise.resolve();
    phase: Phase = { kind: 'stopped' };
    launch: Launch | undefined;
    readonly onDidChangePhase = this.phases.event;
    readonly onDidChangeState = this.stateChanges.event;

    constructor(
        context: ExtensionContext,
        readonly log: LogOutputChannel,
        private readonly proposals: Proposals,
        private readonly plans: Plans,
        private readonly middleware: () => Middleware,
    ) {
        this.environment = new Environment({
            storage: context.globalStorageUri.fsPath,
            wheels: Uri.joinPath(context.extensionUri, 'wheels').fsPath,
            version: String(context.extension.packageJSON.version),
        });
    }

    /** The client while the server is running, otherwise undefined. */
    get runningClient(): LanguageClient | undefined {
        return this.phase.kind === 'running' ? this.client : undefined;
    }

    start(): Promise<void> {
        return this.runInTurn(() => this.startServer());
    }

    stop(): Promise<void> {
        return this.runInTurn(async () => {
            await this.stopServer();
            this.setPhase({ kind: 'stopped' });
        });
    }

    restart(): Promise<void> {
        return this.runInTurn(async () => {
            this.exits = [];
            await this.stopServer();
            await this.startServer();
        });
    }

    /** Install the server into the extension's own environment, with progress and a Cancel button, then start it. */
    async install(): Promise<void> {
        const location = ProgressLocation.Notification;
        const done = await window.withProgress(
            { location, cancellable: true, title: 'Starling' },
            async (progress, token) => {
                const stopping = new AbortController();
                token.onCancellationRequested(() => stopping.abort());
                const reportStep = (message: string) => {
                    this.log.info(`installing: ${message}`);
                    progress.report({ message });
                };
                try {
                    const log = (line: string) => this.log.info(line);
                    await this.environment.create({ reportStep, log, signal: stopping.signal });
                    return true;
                } catch (error) {
                    if (!token.isCancellationRequested) {
                        const why = error instanceof EnvironmentError ? error.message : String(error);
                        this.log.error(why);
                        this.showObstacle({
                            problem: `Starling's server could not be installed. ${why}`,
                            remedies: ['log', 'setting'],
                        });
                    }
                    return false;
                }
            },
        );
        if (done) {
            await this.restart();
        }
    }

    /** Show an obstacle as a message with a button for each remedy; does not wait for the person. */
    showObstacle(obstacle: Obstacle): void {
        const titles = obstacle.remedies.map((remedy) => REMEDIES[remedy].title);
        void window.showErrorMessage(obstacle.problem, ...titles).then((chosen) => {
            const remedy = Object.values(REMEDIES).find((one) => one.title === chosen);
            return remedy && commands.executeCommand(remedy.command);
        });
    }

    dispose(): void {
        void this.stopServer();
        this.phases.dispose();
        this.stateChanges.dispose();
        this.ends.dispose();
    }

    /** Send the changed settings to the server. */
    sendSettings(): void {
        const settings = { [SECTION]: readExplicitSettings() };
        void this.runningClient?.sendNotification('workspace/didChangeConfiguration', { settings });
    }

    /** Return how to start the program of the settings or of this machine, or why that is not possible. */
    findProgram(): Promise<Launch | Obstacle> {
        const configured = workspace.getConfiguration(SECTION).get<string[]>('server.command', []);
        return findServer(describeMachine(configured, this.environment.program));
    }

    /** Host and port of the server on another machine that the session is with; "" if the server runs here. */
    get remoteHost(): string {
        return this.launch?.from === 'server' ? nameServer(readRemoteServer().url) : '';
    }

    /** Run `step` after all earlier steps have ended, so that starting and stopping never overlap. */
    private runInTurn<R>(step: () => Promise<R>): Promise<R> {
        const next = this.turn.then(step, step);
        this.turn = next.catch(() => undefined);
        return next;
    }

    private async startServer(): Promise<void> {
        if (!workspace.isTrusted) {
            this.setPhase({ kind: 'untrusted' });
            return;
        }
        this.setPhase({ kind: 'starting' });
        const launch = await this.findLaunch();
        if (isObstacle(launch)) {
            this.fail(launch);
            return;
        }
        this.launch = launch;
        this.log.info(`starting ${launch.command} ${launch.args.join(' ')} (from the ${launch.from})`);
        const client = this.createClient(launch);
        this.client = client;
        try {
            await client.start();
        } catch (error) {
            this.log.error(`the server did not start: ${error}`);
            if (this.client === client && this.phase.kind !== 'failed') {
                this.fail({
                    problem: `Starling's server, ${launch.command}, did not start. The log says why.`,
                    remedies: ['log', 'restart', 'setting'],
                });
            }
        }
    }

    /** Return how to reach the server: on another machine, at an address, or with a program here. */
    private async findLaunch(): Promise<Launch | Obstacle> {
        const server = readRemoteServer();
        const settings = workspace.getConfiguration(SECTION);
        const address = settings.get<string>('server.address', '');
        if (server.url === '' && address) {
            return resolveAddress(address, settings.get<string>('server.tokenFile', ''));
        }
        const program = await this.findProgram();
        return server.url === '' || isObstacle(program) ? program : connectTo(server, program);
    }

    private async stopServer(): Promise<void> {
        const client = this.client;
        this.client = undefined;
        if (client !== undefined) {
            await client
                .dispose(2000)
                .catch((error: unknown) => this.log.warn(`the server did not stop cleanly: ${error}`));
        }
    }

    private createClient(launch: Launch): LanguageClient {
        const options: LanguageClientOptions = {
            documentSelector: [{ scheme: 'file' }, { scheme: 'untitled' }, { scheme: 'vscode-notebook-cell' }],
            outputChannel: this.log,
            middleware: { ...this.middleware(), workspace: { configuration: () => [readExplicitSettings()] } },
            diagnosticCollectionName: SECTION,
            connectionOptions: { maxRestartCount: MAX_EXITS },
            initializationOptions: launch.token === undefined ? undefined : { starling: { token: launch.token } },
            initializationFailedHandler: (error) => this.handleRefusal(launch, error),
            errorHandler: {
                error: () => ({ action: ErrorAction.Continue, handled: true }),
                closed: () => this.handleExit(),
            },
        };
        const env = createEnvironment(process.env);
        const server =
            launch.token === undefined
                ? { command: launch.command, args: [...launch.args], options: { env } }
                : () => openConnection(launch.command);
        const Client = launch.from === 'server' ? QuietClient : LanguageClient;
        const client = new Client(SECTION, 'Starling', server, options);
        client.registerFeature(confirmFeature);
        client.onRequest(CONFIRM, (question, token) =>
            this.askWhileConnected(token, (until) => this.proposals.confirm(question, until)),
        );
        client.onRequest(ASK, (question, token) =>
            this.askWhileConnected(token, (until) => askPerson(question, until)),
        );
        client.onRequest(PLAN, (plan, token) =>
            this.askWhileConnected(token, (until) => this.plans.confirm(plan, until)),
        );
        client.onRequest(SAVE, saveFiles);
        client.onNotification(CHANGED, (change: StateChange) => this.stateChanges.fire(change));
        client.onDidChangeState(({ newState }) => {
            if (this.client !== client) {
                return;
            }
            if (newState === State.Running) {
                this.setPhase({ kind: 'running' });
            } else if (newState === State.Starting) {
                this.setPhase({ kind: 'starting' });
            }
        });
        return client;
    }

    /** Ask the person by `ask`, whose token is cancelled with `token`, and when the connection to the server has ended. */
    private async askWhileConnected<R>(
        token: CancellationToken,
        ask: (until: CancellationToken) => Promise<R>,
    ): Promise<R> {
        const source = new CancellationTokenSource();
        const listeners = [
            token.onCancellationRequested(() => source.cancel()),
            this.ends.event(() => source.cancel()),
        ];
        try {
            return await ask(source.token);
        } finally {
            for (const one of listeners) {
                one.dispose();
            }
            source.dispose();
        }
    }

    /**
     * Withdraw open questions after the connection was lost, and decide whether the server is restarted; after too many
     * exits, show an obstacle.
     */
    private handleExit(): { action: CloseAction; handled: boolean } {
        this.ends.fire(undefined);
        if (this.phase.kind === 'failed') {
            return { action: CloseAction.DoNotRestart, handled: true }; // a person knows why
        }
        const now = Date.now();
        this.exits = [...this.exits.filter((at) => now - at < EXITS_WITHIN_MS), now];
        if (this.client === undefined || this.exits.length >= MAX_EXITS) {
            if (this.client !== undefined) {
                this.fail({
                    problem: `Starling's server stopped unexpectedly ${MAX_EXITS} times within three minutes, so it is not restarted.`,
                    remedies: ['log', 'restart'],
                });
            }
            return { action: CloseAction.DoNotRestart, handled: true };
        }
        this.log.warn('the server stopped unexpectedly; restarting it');
        if (this.launch?.from === 'server') {
            // not by the client library, which would show a message of its own if the server refuses
            void this.runInTurn(async () => {
                await this.stopServer();
                await this.startServer();
            });
            return { action: CloseAction.DoNotRestart, handled: true };
        }
        return { action: CloseAction.Restart, handled: true };
    }

    /**
     * Show why a server on another machine refuses the session, with a button to log in if that is needed. Always returns
     * false: the client library shall not try again.
     */
    private handleRefusal(launch: Launch, error: unknown): boolean {
        if (launch.from === 'server' && error instanceof ResponseError) {
            const needsLogin = (error.data as { code?: unknown } | undefined)?.code === 'login-needed';
            const problem = `Starling: ${error.message}`;
            this.fail({ problem, remedies: [needsLogin ? 'login' : 'restart', 'server', 'log'] });
        }
        return false;
    }

    /** Enter the failed phase and show the obstacle. */
    private fail(obstacle: Obstacle): void {
        this.log.error(obstacle.problem);
        this.setPhase({ kind: 'failed', problem: obstacle.problem });
        this.showObstacle(obstacle);
    }

    private setPhase(phase: Phase): void {
        this.phase = phase;
        this.phases.fire(phase);
    }
}
