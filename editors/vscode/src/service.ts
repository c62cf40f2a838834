// The server's life: found, started, watched, started again when it dies, stopped. One message when it cannot run, with
// what mends it. Holds no rule of the language features; those are the client library's. Start at `Service.start`.

import {
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
    State,
    type StaticFeature,
} from 'vscode-languageclient/node';
import { reached, stream } from './connection';
import { Environment, EnvironmentError } from './environment';
import { environment, found, isObstacle, type Launch, type Mend, type Obstacle, surroundings } from './launch';
import { CONFIRM, type Proposals } from './proposals';
import { explicit, SECTION } from './settings';
import type { Phase } from './status';

const MOST_DEATHS = 5; // within this time it is left alone
const DEATHS_WITHIN_MS = 180_000;

const MENDS: Record<Mend, { title: string; command: string }> = {
    install: { title: 'Install It', command: 'starling.server.install' },
    setting: { title: 'Choose a Program', command: 'starling.server.configure' },
    log: { title: 'Show Log', command: 'starling.showLog' },
    restart: { title: 'Try Again', command: 'starling.server.restart' },
};

/** Tells the server that we ask in a view of our own. */
const confirming: StaticFeature = {
    fillClientCapabilities: (capabilities) => {
        capabilities.experimental = { ...capabilities.experimental, starling: { confirm: true } };
    },
    initialize: () => undefined,
    getState: () => ({ kind: 'static' }),
    clear: () => undefined,
};

export class Service implements Disposable {
    private readonly phases = new EventEmitter<Phase>();
    private readonly environment: Environment;
    private client: LanguageClient | undefined;
    private deaths: number[] = [];
    private turn: Promise<unknown> = Promise.resolve();
    phase: Phase = { kind: 'stopped' };
    launch: Launch | undefined;
    readonly onDidChangePhase = this.phases.event;

    constructor(
        context: ExtensionContext,
        readonly log: LogOutputChannel,
        private readonly proposals: Proposals,
        private readonly middleware: () => Middleware,
    ) {
        this.environment = new Environment({
            storage: context.globalStorageUri.fsPath,
            wheels: Uri.joinPath(context.extensionUri, 'wheels').fsPath,
            version: String(context.extension.packageJSON.version),
        });
    }

    /** The client, while the server runs. */
    get running(): LanguageClient | undefined {
        return this.phase.kind === 'running' ? this.client : undefined;
    }

    start(): Promise<void> {
        return this.inTurn(() => this.begin());
    }

    stop(): Promise<void> {
        return this.inTurn(async () => {
            await this.end();
            this.become({ kind: 'stopped' });
        });
    }

    restart(): Promise<void> {
        return this.inTurn(async () => {
            this.deaths = [];
            await this.end();
            await this.begin();
        });
    }

    /** Make an environment of our own, with progress, then start from it. */
    async install(): Promise<void> {
        const location = ProgressLocation.Notification;
        const done = await window.withProgress(
            { location, cancellable: true, title: 'Starling' },
            async (progress, token) => {
                const stopping = new AbortController();
                token.onCancellationRequested(() => stopping.abort());
                const step = (message: string) => {
                    this.log.info(`installing: ${message}`);
                    progress.report({ message });
                };
                try {
                    const log = (line: string) => this.log.info(line);
                    await this.environment.make({ step, log, signal: stopping.signal });
                    return true;
                } catch (error) {
                    if (!token.isCancellationRequested) {
                        const why = error instanceof EnvironmentError ? error.message : String(error);
                        this.log.error(why);
                        this.tell({
                            problem: `Starling's server could not be installed. ${why}`,
                            mends: ['log', 'setting'],
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

    /** One message with what mends it; nobody is waited for. */
    tell(obstacle: Obstacle): void {
        const titles = obstacle.mends.map((mend) => MENDS[mend].title);
        void window.showErrorMessage(obstacle.problem, ...titles).then((chosen) => {
            const mend = Object.values(MENDS).find((one) => one.title === chosen);
            return mend && commands.executeCommand(mend.command);
        });
    }

    dispose(): void {
        void this.end();
        this.phases.dispose();
    }

    /** What a person has set has changed. */
    configure(): void {
        const settings = { [SECTION]: explicit() };
        void this.running?.sendNotification('workspace/didChangeConfiguration', { settings });
    }

    private inTurn<R>(step: () => Promise<R>): Promise<R> {
        const next = this.turn.then(step, step);
        this.turn = next.catch(() => undefined);
        return next;
    }

    private async begin(): Promise<void> {
        if (!workspace.isTrusted) {
            this.become({ kind: 'untrusted' });
            return;
        }
        this.become({ kind: 'starting' });
        const settings = workspace.getConfiguration(SECTION);
        const address = settings.get<string>('server.address', '');
        const configured = settings.get<string[]>('server.command', []);
        const launch = address
            ? await reached(address, settings.get<string>('server.tokenFile', ''))
            : await found(surroundings(configured, this.environment.program));
        if (isObstacle(launch)) {
            this.fail(launch);
            return;
        }
        this.launch = launch;
        this.log.info(`starting ${launch.command} ${launch.args.join(' ')} (from the ${launch.from})`);
        const client = this.made(launch);
        this.client = client;
        try {
            await client.start();
        } catch (error) {
            this.log.error(`it did not start: ${error}`);
            if (this.client === client) {
                this.fail({
                    problem: `Starling's server, ${launch.command}, did not start; the log says why.`,
                    mends: ['log', 'restart', 'setting'],
                });
            }
        }
    }

    private async end(): Promise<void> {
        const client = this.client;
        this.client = undefined;
        if (client !== undefined) {
            await client.dispose(2000).catch((error: unknown) => this.log.warn(`it did not stop in order: ${error}`));
        }
    }

    private made(launch: Launch): LanguageClient {
        const options: LanguageClientOptions = {
            documentSelector: [{ scheme: 'file' }, { scheme: 'untitled' }, { scheme: 'vscode-notebook-cell' }],
            outputChannel: this.log,
            middleware: { ...this.middleware(), workspace: { configuration: () => [explicit()] } },
            diagnosticCollectionName: SECTION,
            connectionOptions: { maxRestartCount: MOST_DEATHS },
            initializationOptions: launch.token === undefined ? undefined : { starling: { token: launch.token } },
            initializationFailedHandler: () => false,
            errorHandler: {
                error: () => ({ action: ErrorAction.Continue, handled: true }),
                closed: () => this.died(),
            },
        };
        const env = environment(process.env);
        const server =
            launch.token === undefined
                ? { command: launch.command, args: [...launch.args], options: { env } }
                : () => stream(launch.command);
        const client = new LanguageClient(SECTION, 'Starling', server, options);
        client.registerFeature(confirming);
        client.onRequest(CONFIRM, (question, token) => this.proposals.confirm(question, token));
        client.onDidChangeState(({ newState }) => {
            if (this.client !== client) {
                return;
            }
            if (newState === State.Running) {
                this.become({ kind: 'running' });
            } else if (newState === State.Starting) {
                this.become({ kind: 'starting' });
            }
        });
        return client;
    }

    /** The connection is gone, and nobody asked for that. */
    private died(): { action: CloseAction; handled: boolean } {
        const now = Date.now();
        this.deaths = [...this.deaths.filter((at) => now - at < DEATHS_WITHIN_MS), now];
        if (this.client === undefined || this.deaths.length >= MOST_DEATHS) {
            if (this.client !== undefined) {
                this.fail({
                    problem: `Starling's server ended ${MOST_DEATHS} times within three minutes, so it is left alone.`,
                    mends: ['log', 'restart'],
                });
            }
            return { action: CloseAction.DoNotRestart, handled: true };
        }
        this.log.warn('the server is gone; it is started again');
        return { action: CloseAction.Restart, handled: true };
    }

    private fail(obstacle: Obstacle): void {
        this.log.error(obstacle.problem);
        this.become({ kind: 'failed', problem: obstacle.problem });
        this.tell(obstacle);
    }

    private become(phase: Phase): void {
        this.phase = phase;
        this.phases.fire(phase);
    }
}
