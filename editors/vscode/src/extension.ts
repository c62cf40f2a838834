// The extension's entry: starts the language server, shows its results, and passes a person's answers back to it.
// Analyses no code itself and sends nothing anywhere else. Start at `activate`.

import { commands, type ExtensionContext, env, window, workspace } from 'vscode';
import { Actions, describeError, openSettings } from './actions';
import { Answers } from './answers';
import { type ApprovalItem, Approvals, Audit } from './approvals';
import { Chat } from './chatView';
import { Completions } from './completions';
import { Memories, type MemoryItem } from './memory';
import { Models } from './models';
import { NextEdits } from './nextEdits';
import { Plans } from './plans';
import { Progress } from './progress';
import { Proposals } from './proposals';
import { RemoteLogin } from './remoteLogin';
import { COMMANDS, Server, type Status } from './server';
import { Service } from './service';
import { SECTION } from './settings';
import { Statistics } from './statistics';
import { StatusBar } from './statusBar';
import { type QuestionItem, type TaskItem, Tasks } from './tasks';

const STATUS_EVERY_MS = 60_000;

let service: Service | undefined;

export async function activate(context: ExtensionContext): Promise<void> {
    const log = window.createOutputChannel('Starling', { log: true });
    const proposals = new Proposals();
    const plans = new Plans();
    const completions = new Completions((part) => void server.run(COMMANDS.accepted, part).catch(() => undefined));
    const progress = new Progress();
    service = new Service(context, log, proposals, plans, () => ({
        ...completions.middleware,
        ...progress.middleware,
    }));
    const own = service;
    const server = new Server(own);
    const nextEdits = new NextEdits(own, completions);
    const statistics = new Statistics(server, context.workspaceState);
    const answers = new Answers();
    const models = new Models(own);
    const approvals = new Approvals(server);
    const audit = new Audit(server);
    const tasks = new Tasks(server, answers);
    const memories = new Memories(server);
    const bar = new StatusBar(own, completions);
    const chat = new Chat(server, proposals, plans, context.extensionUri, context.workspaceState);
    const actions = new Actions(server, answers, statistics);
    const login = new RemoteLogin(own, context);

    const refreshLists = () => {
        approvals.refresh();
        audit.refresh();
    };
    const refreshWork = () => {
        tasks.refresh();
        memories.refresh();
    };
    const announceQuestions = () =>
        tasks.announceQuestions().catch((error: unknown) => log.warn(`the questions of workers: ${error}`));
    const updateStatus = async (): Promise<void> => {
        const status = await server.run<Status>(COMMANDS.status).catch(() => undefined);
        if (status !== undefined) {
            const model = status.model?.state === 'off' ? '' : (status.model?.name ?? '');
            const faults = [status.model?.problem ?? '', status.index?.problem ?? ''];
            const problems = new Set([...status.problems, ...faults].filter((one) => one !== ''));
            bar.update({ model, problems: [...problems] });
            if (status.state === 'starting') {
                setTimeout(() => void updateStatus(), 1000);
            }
        }
    };
    const timer = setInterval(() => window.state.focused && void updateStatus(), STATUS_EVERY_MS);

    context.subscriptions.push(
        log,
        proposals,
        plans,
        nextEdits,
        completions,
        own,
        statistics,
        answers,
        bar,
        chat,
        tasks,
        { dispose: () => clearInterval(timer) },
        window.registerTreeDataProvider('starling.approvals', approvals),
        window.registerTreeDataProvider('starling.audit', audit),
        window.registerTreeDataProvider('starling.memory', memories),
        window.onDidChangeWindowState(({ focused }) => focused && refreshWork()),
        own.onDidChangeState((changed) => {
            if (changed.tasks || changed.questions) {
                tasks.refresh();
            }
            if (changed.memory) {
                memories.refresh();
            }
            if (changed.questions) {
                void announceQuestions();
            }
        }),
        progress.onDidChange((change) => bar.countJob(change)),
        progress.onDidIndex((indexed) => bar.update({ indexed })),
        progress.onDidLoad((loading) => {
            bar.update({ loading });
            if (loading === undefined) {
                void updateStatus(); // the model is ready, or its loading failed
            }
        }),
        proposals.onDidAsk((asked) => {
            bar.update({ asked });
            if (asked === '') {
                setTimeout(refreshLists, 1500); // the server records the outcome after it has checked the document
            }
        }),
        own.onDidChangePhase((phase) => {
            void commands.executeCommand('setContext', 'starling.running', phase.kind === 'running');
            if (phase.kind === 'running') {
                void updateStatus();
            }
            chat.setRunning(phase.kind === 'running').catch((error: unknown) => log.warn(`the chat view: ${error}`));
            refreshLists();
            refreshWork();
        }),
        workspace.onDidChangeConfiguration((event) => {
            if (event.affectsConfiguration(`${SECTION}.server`)) {
                void own.restart();
            } else if (event.affectsConfiguration(SECTION)) {
                own.sendSettings();
            }
        }),
        workspace.onDidGrantWorkspaceTrust(() => own.start()),
    );

    const toggleLanguage = async (): Promise<void> => {
        const language = window.activeTextEditor?.document.languageId;
        const settings = workspace.getConfiguration(SECTION);
        const languagesOff = settings.inspect<string[]>('completion.languagesOff')?.globalValue ?? [];
        if (language !== undefined) {
            const next = languagesOff.includes(language)
                ? languagesOff.filter((one) => one !== language)
                : [...languagesOff, language];
            await settings.update('completion.languagesOff', next.length > 0 ? next : undefined, true);
        }
    };
    const showDiff = async ({ approval }: ApprovalItem): Promise<void> => {
        const document = await workspace.openTextDocument({ language: 'diff', content: approval.diff });
        await window.showTextDocument(document, { preview: true });
    };
    const chooseProgram = async (): Promise<void> => {
        const [chosen] =
            (await window.showOpenDialog({ title: 'Choose the program `starling`', canSelectMany: false })) ?? [];
        if (chosen !== undefined) {
            await workspace.getConfiguration(SECTION).update('server.command', [chosen.fsPath], true);
        }
    };

    const table: Record<string, (...args: never[]) => unknown> = {
        'starling.menu': () => bar.openMenu(),
        'starling.server.restart': () => own.restart(),
        'starling.server.stop': () => own.stop(),
        'starling.server.install': () => own.install(),
        'starling.server.configure': chooseProgram,
        'starling.server.logIn': () => login.logIn(),
        'starling.server.logOut': () => login.logOut(),
        'starling.showLog': () => log.show(),
        'starling.showStatus': actions.showStatus,
        'starling.settings.open': openSettings,
        'starling.settings.openFile': () => models.openSettingsFile(),
        'starling.model.choose': () => models.choose(),
        'starling.model.recommend': () => models.recommend(),
        'starling.suggestions.toggleFile': () => completions.toggleFile(),
        'starling.suggestions.toggleLanguage': toggleLanguage,
        'starling.suggestions.pause': () => completions.pauseForAnHour(),
        'starling.suggestions.resume': () => completions.resume(),
        'starling.nextEdit.advance': () => nextEdits.advance(),
        'starling.nextEdit.dismiss': () => nextEdits.dismiss(),
        'starling.code.explain': actions.explain,
        'starling.code.ask': actions.ask,
        'starling.code.write': actions.write,
        'starling.code.improve': actions.improve,
        'starling.code.workflow': actions.runWorkflow,
        'starling.code.search': actions.search,
        'starling.review.file': actions.reviewFile,
        'starling.review.workspace': actions.reviewWorkspace,
        'starling.review.check': actions.checkFile,
        'starling.review.pep8': actions.checkPep8,
        'starling.review.complexity': actions.showComplexity,
        'starling.review.coverage': actions.showCoverage,
        'starling.chat.new': () => chat.openNew(),
        'starling.chat.open': () => chat.openOther(),
        'starling.chat.rename': () => chat.rename(),
        'starling.chat.export': () => chat.export(),
        'starling.chat.delete': () => chat.delete(),
        'starling.chat.stop': () => chat.stop(),
        'starling.change.undo': () => actions.undo(),
        'starling.statistics.open': () => statistics.open(),
        'starling.approvals.refresh': refreshLists,
        'starling.approvals.show': showDiff,
        'starling.approvals.askAgain': async ({ approval }: ApprovalItem) => {
            await actions.askAgain(approval.id);
            refreshLists();
        },
        'starling.approvals.undo': ({ approval }: ApprovalItem) => actions.undo(approval.checkpoint),
        'starling.tasks.refresh': refreshWork,
        'starling.tasks.add': () => tasks.add(),
        'starling.tasks.show': (item: TaskItem) => tasks.show(item),
        'starling.tasks.log': (item: TaskItem) => tasks.showLog(item),
        'starling.tasks.merge': (item: TaskItem) => tasks.merge(item),
        'starling.tasks.pause': (item: TaskItem) => tasks.pause(item),
        'starling.tasks.retry': (item: TaskItem) => tasks.retry(item),
        'starling.tasks.cancel': (item: TaskItem) => tasks.cancel(item),
        'starling.tasks.drop': (item: TaskItem) => tasks.drop(item),
        'starling.questions.answer': (item: QuestionItem) => tasks.answer(item),
        'starling.memory.add': () => memories.add(),
        'starling.memory.edit': (item: MemoryItem) => memories.edit(item),
        'starling.memory.delete': (item: MemoryItem) => memories.delete(item),
        'starling.memory.export': () => memories.export(),
        'starling.walkthrough.open': () =>
            commands.executeCommand('workbench.action.openWalkthrough', 'starling.starling#start', false),
    };
    for (const [name, run] of Object.entries(table)) {
        context.subscriptions.push(commands.registerCommand(name, reportFailures(run, log.error.bind(log))));
    }
    log.info(`Starling ${context.extension.packageJSON.version} in ${env.appName}`);
    await own.start();
}

export async function deactivate(): Promise<void> {
    await service?.stop();
}

/** Wrap a command so that its failure is shown as one sentence, and logged with its stack trace. */
function reportFailures(run: (...args: never[]) => unknown, log: (message: string) => void) {
    return async (...args: never[]): Promise<unknown> => {
        try {
            return await run(...args);
        } catch (error) {
            log(error instanceof Error ? (error.stack ?? error.message) : String(error));
            const message = describeError(error);
            void window.showErrorMessage(message.startsWith('Starling') ? message : `Starling: ${message}`);
            return undefined;
        }
    };
}
