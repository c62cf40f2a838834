// Starling in VS Code: starts the language server, shows what it says, and hands a person's answers back to it.
// Holds no intelligence and sends nothing anywhere. Start at `activate`.

import { commands, type ExtensionContext, env, window, workspace } from 'vscode';
import { Actions, openSettings, sentence } from './actions';
import { Answers } from './answers';
import { type ApprovalItem, Approvals, Audit } from './approvals';
import { Completions } from './completions';
import { Models } from './models';
import { Proposals } from './proposals';
import { COMMANDS, Server, type Status } from './server';
import { Service } from './service';
import { SECTION } from './settings';
import { Statistics } from './statistics';
import { StatusBar } from './statusBar';
import { Work } from './work';

const LOOK_EVERY_MS = 60_000;

let service: Service | undefined;

export async function activate(context: ExtensionContext): Promise<void> {
    const log = window.createOutputChannel('Starling', { log: true });
    const proposals = new Proposals();
    const completions = new Completions((taken) => void server.run(COMMANDS.accepted, taken).catch(() => undefined));
    const work = new Work();
    service = new Service(context, log, proposals, () => ({ ...completions.middleware, ...work.middleware }));
    const own = service;
    const server = new Server(own);
    const statistics = new Statistics(server, context.workspaceState);
    const answers = new Answers();
    const models = new Models(own);
    const approvals = new Approvals(server);
    const audit = new Audit(server);
    const bar = new StatusBar(own, completions);
    const actions = new Actions(server, answers, statistics);

    const refresh = () => {
        approvals.refresh();
        audit.refresh();
    };
    const look = async (): Promise<void> => {
        const status = await server.run<Status>(COMMANDS.status).catch(() => undefined);
        if (status !== undefined) {
            const model = status.model?.state === 'off' ? '' : (status.model?.name ?? '');
            const faults = [status.model?.problem ?? '', status.index?.problem ?? ''];
            const problems = new Set([...status.problems, ...faults].filter((one) => one !== ''));
            bar.learn({ model, problems: [...problems] });
            if (status.state === 'starting') {
                setTimeout(() => void look(), 1000);
            }
        }
    };
    const timer = setInterval(() => window.state.focused && void look(), LOOK_EVERY_MS);

    context.subscriptions.push(
        log,
        proposals,
        completions,
        own,
        statistics,
        answers,
        bar,
        { dispose: () => clearInterval(timer) },
        window.registerTreeDataProvider('starling.approvals', approvals),
        window.registerTreeDataProvider('starling.audit', audit),
        work.onDidChange((by) => bar.think(by)),
        work.onDidIndex((indexed) => bar.learn({ indexed })),
        work.onDidLoad((loading) => {
            bar.learn({ loading });
            if (loading === undefined) {
                void look(); // it is ready, or could not be loaded
            }
        }),
        proposals.onDidAsk((asked) => {
            bar.learn({ asked });
            if (asked === '') {
                setTimeout(refresh, 1500); // what became of it is recorded once the document was looked at
            }
        }),
        own.onDidChangePhase((phase) => {
            void commands.executeCommand('setContext', 'starling.running', phase.kind === 'running');
            if (phase.kind === 'running') {
                void look();
            }
            refresh();
        }),
        workspace.onDidChangeConfiguration((event) => {
            if (event.affectsConfiguration(`${SECTION}.server`)) {
                void own.restart();
            } else if (event.affectsConfiguration(SECTION)) {
                own.configure();
            }
        }),
        workspace.onDidGrantWorkspaceTrust(() => own.start()),
    );

    const toggleLanguage = async (): Promise<void> => {
        const language = window.activeTextEditor?.document.languageId;
        const settings = workspace.getConfiguration(SECTION);
        const off = settings.inspect<string[]>('completion.languagesOff')?.globalValue ?? [];
        if (language !== undefined) {
            const next = off.includes(language) ? off.filter((one) => one !== language) : [...off, language];
            await settings.update('completion.languagesOff', next.length > 0 ? next : undefined, true);
        }
    };
    const showDiff = async ({ approval }: ApprovalItem): Promise<void> => {
        const document = await workspace.openTextDocument({ language: 'diff', content: approval.diff });
        await window.showTextDocument(document, { preview: true });
    };
    const configure = async (): Promise<void> => {
        const [chosen] = (await window.showOpenDialog({ title: 'The program `starling`', canSelectMany: false })) ?? [];
        if (chosen !== undefined) {
            await workspace.getConfiguration(SECTION).update('server.command', [chosen.fsPath], true);
        }
    };

    const table: Record<string, (...args: never[]) => unknown> = {
        'starling.menu': () => bar.menu(),
        'starling.server.restart': () => own.restart(),
        'starling.server.stop': () => own.stop(),
        'starling.server.install': () => own.install(),
        'starling.server.configure': configure,
        'starling.showLog': () => log.show(),
        'starling.showStatus': actions.status,
        'starling.settings.open': openSettings,
        'starling.settings.openFile': () => models.openSettingsFile(),
        'starling.model.choose': () => models.choose(),
        'starling.model.recommend': () => models.recommend(),
        'starling.suggestions.toggleFile': () => completions.toggleFile(),
        'starling.suggestions.toggleLanguage': toggleLanguage,
        'starling.suggestions.pause': () => completions.pauseAnHour(),
        'starling.suggestions.resume': () => completions.resume(),
        'starling.code.explain': actions.explain,
        'starling.code.ask': actions.ask,
        'starling.code.write': actions.write,
        'starling.code.improve': actions.improve,
        'starling.code.workflow': actions.workflow,
        'starling.code.search': actions.search,
        'starling.review.file': actions.reviewFile,
        'starling.review.workspace': actions.reviewWorkspace,
        'starling.review.check': actions.checkFile,
        'starling.review.pep8': actions.checkPep8,
        'starling.review.complexity': actions.complexity,
        'starling.review.coverage': actions.coverage,
        'starling.change.undo': () => actions.undo(),
        'starling.statistics.open': () => statistics.open(),
        'starling.approvals.refresh': refresh,
        'starling.approvals.show': showDiff,
        'starling.approvals.undo': ({ approval }: ApprovalItem) => actions.undo(approval.checkpoint),
        'starling.walkthrough.open': () =>
            commands.executeCommand('workbench.action.openWalkthrough', 'starling.starling#start', false),
    };
    for (const [name, does] of Object.entries(table)) {
        context.subscriptions.push(commands.registerCommand(name, guarded(does, log.error.bind(log))));
    }
    log.info(`Starling ${context.extension.packageJSON.version} in ${env.appName}`);
    await own.start();
}

export async function deactivate(): Promise<void> {
    await service?.stop();
}

/** A command whose failure is one sentence, and not VS Code's stack trace. */
function guarded(does: (...args: never[]) => unknown, log: (message: string) => void) {
    return async (...args: never[]): Promise<unknown> => {
        try {
            return await does(...args);
        } catch (error) {
            log(error instanceof Error ? (error.stack ?? error.message) : String(error));
            const said = sentence(error);
            void window.showErrorMessage(said.startsWith('Starling') ? said : `Starling: ${said}`);
            return undefined;
        }
    };
}
