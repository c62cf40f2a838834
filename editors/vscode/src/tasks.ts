// The view of queued tasks and of the questions of headless workers, with their actions. The server asks the questions
// itself (`starling/confirm`), and proposes a merge like any other change. Start at `Tasks`.

import {
    type Disposable,
    MarkdownString,
    ThemeColor,
    ThemeIcon,
    TreeItem,
    TreeItemCollapsibleState,
    type TreeView,
    window,
} from 'vscode';
import type { Answers } from './answers';
import { createTextItem, formatTime, RecordTree } from './recordTree';
import { COMMANDS, type Server, type Written } from './server';

interface Task {
    readonly id: string;
    readonly title: string;
    readonly status: string;
    readonly priority: string;
    readonly role: string;
    readonly workflow: string;
    readonly writes: boolean;
    readonly deadline: number | null;
    readonly changed: number;
    readonly attempts: number;
    readonly worker: string;
    readonly result: string;
    readonly branch: string;
    readonly questions: number;
}

interface Question {
    readonly request: string;
    readonly task: string;
    readonly title: string;
    readonly why: string;
    readonly by: string;
    readonly tool: string;
    readonly choices: readonly string[];
    readonly diff: string;
    readonly warnings: readonly string[];
    readonly created: number;
}

interface Changed {
    readonly tasks: readonly Task[];
    readonly details: string;
    readonly log: string;
    readonly outcome: Written | null;
    readonly note: string;
}

interface Answered {
    readonly questions: readonly Question[];
    readonly answer: string;
}

const ICONS: Record<string, ThemeIcon> = {
    queued: new ThemeIcon('clock'),
    running: new ThemeIcon('sync'),
    paused: new ThemeIcon('debug-pause'),
    waiting: new ThemeIcon('bell', new ThemeColor('testing.iconQueued')),
    done: new ThemeIcon('pass', new ThemeColor('testing.iconPassed')),
    failed: new ThemeIcon('error', new ThemeColor('testing.iconFailed')),
    cancelled: new ThemeIcon('circle-slash'),
};
/** While a task has one of these, its branch holds unfinished work. */
const UNFINISHED = ['queued', 'running', 'paused'];
const ANY_ROLE = 'Choose the role for me';

export class QuestionItem extends TreeItem {
    constructor(readonly question: Question) {
        super(question.title, TreeItemCollapsibleState.None);
        this.id = `question ${question.request}`;
        this.description = `${question.by} asks, since ${formatTime(question.created)}`;
        this.iconPath = new ThemeIcon('question', new ThemeColor('testing.iconQueued'));
        this.contextValue = 'question';
        this.command = { title: 'Answer', command: 'starling.questions.answer', arguments: [this] };
        this.tooltip = createTooltip([
            question.title,
            question.why,
            ...question.warnings,
            ...question.choices,
            question.diff === question.title ? '' : question.diff,
        ]);
        this.accessibilityInformation = { label: `Question: ${question.title}. ${this.description}` };
    }
}

export class TaskItem extends TreeItem {
    constructor(readonly task: Task) {
        super(task.title.replaceAll(/\s+/g, ' '), TreeItemCollapsibleState.Collapsed);
        const due = task.deadline === null ? '' : `due ${formatTime(task.deadline)}`;
        const asks = task.questions === 0 ? '' : 'has a question';
        const hasBranch = task.branch !== '' && !UNFINISHED.includes(task.status);
        this.id = task.id;
        this.description = [task.status, asks, task.priority, due].filter((one) => one !== '').join(', ');
        this.iconPath = ICONS[task.status] ?? new ThemeIcon('circle');
        this.contextValue = `task.${task.status}${hasBranch ? '.branch' : ''}`;
        this.tooltip = createTooltip([task.title, task.result]);
        this.accessibilityInformation = { label: `${task.title}: ${this.description}` };
    }
}

/** The tree: the questions that wait, then the tasks, newest first. */
export class Tasks extends RecordTree<Task | Question> implements Disposable {
    private readonly view: TreeView<TreeItem>;
    /** The ids of the questions that the person was told about. */
    private readonly told = new Set<string>();

    constructor(
        server: Server,
        private readonly answers: Answers,
    ) {
        super(server);
        this.view = window.createTreeView('starling.tasks', { treeDataProvider: this });
    }

    dispose(): void {
        this.view.dispose();
    }

    /** Count the questions that wait on the view's badge, and tell the person about each new one. */
    async announceQuestions(): Promise<void> {
        const { questions } = await this.server.run<Answered>(COMMANDS.questions);
        this.countQuestions(questions);
        for (const question of questions.filter((one) => !this.told.has(one.request))) {
            this.told.add(question.request);
            const item = new QuestionItem(question);
            void window
                .showInformationMessage(`Starling: a worker asks: ${question.title}`, 'Answer…')
                .then((chosen) => chosen && this.answer(item).catch(showFailure));
        }
    }

    /** Have the server ask the person here what a worker asks, and pass the answer on. */
    async answer({ question }: QuestionItem): Promise<void> {
        this.told.add(question.request);
        try {
            const request = question.request;
            const { answer } = await this.server.run<Answered>(COMMANDS.questions, { action: 'ask', request });
            window.setStatusBarMessage(`Starling: ${describeAnswer(question, answer)}`, 10_000);
        } finally {
            await this.announceQuestions();
            this.refresh();
        }
    }

    /** Ask the person for a new task, and queue it. */
    async add(): Promise<void> {
        const title = await window.showInputBox({
            title: 'Add a task',
            prompt: 'What is to be done? A worker does it later: `starling work` in a terminal.',
            placeHolder: 'use math.pi in area.py',
        });
        if (!title?.trim()) {
            return;
        }
        const kinds = [
            { label: '$(git-branch) Change files, on a branch of its own', read_only: false },
            { label: '$(eye) Only read and answer', read_only: true },
        ];
        const kind = await window.showQuickPick(kinds, { title: 'What may agents do?' });
        const role = kind && (await this.chooseRole());
        const priority =
            role !== undefined && (await window.showQuickPick(['medium', 'high', 'low'], { title: 'Priority' }));
        if (!kind || role === undefined || !priority) {
            return;
        }
        const deadline = await window.showInputBox({
            title: 'Deadline',
            prompt: '30m, 2h or 3d from now, or a time like 2030-01-31T12:00. Leave this empty for none.',
        });
        if (deadline !== undefined) {
            const { read_only } = kind;
            await this.run('add', { title: title.trim(), role, priority, read_only, deadline: deadline.trim() });
        }
    }

    async show({ task }: TaskItem): Promise<void> {
        const { details } = await this.run('show', { task: task.id });
        await this.answers.open(task.title, formatTask(task, details));
    }

    async showLog({ task }: TaskItem): Promise<void> {
        const { log } = await this.run('log', { task: task.id });
        await this.answers.open(`Log of ${task.title}`, log);
    }

    async pause({ task }: TaskItem): Promise<void> {
        await this.run('pause', { task: task.id });
    }

    async retry({ task }: TaskItem): Promise<void> {
        await this.run('retry', { task: task.id });
    }

    async cancel({ task }: TaskItem): Promise<void> {
        if (
            await confirm(
                `Cancel “${task.title}”?`,
                'Its branch is deleted, with all changes on it.',
                'Cancel the Task',
            )
        ) {
            await this.run('cancel', { task: task.id });
        }
    }

    async drop({ task }: TaskItem): Promise<void> {
        const detail = `All changes on ${task.branch} are lost.`;
        if (await confirm(`Delete the branch of “${task.title}”?`, detail, 'Delete the Branch')) {
            await this.run('drop', { task: task.id });
        }
    }

    /** Propose the changes of a task's branch for the open workspace. */
    async merge({ task }: TaskItem): Promise<void> {
        const { outcome } = await this.run('merge', { task: task.id });
        if (outcome !== null && outcome.outcome !== 'rejected' && outcome.reason) {
            void window.showInformationMessage(`Starling: ${outcome.reason}`);
        }
    }

    protected async readRecords() {
        const [{ tasks }, { questions }] = await Promise.all([
            this.server.run<Changed>(COMMANDS.tasks),
            this.server.run<Answered>(COMMANDS.questions),
        ]);
        this.countQuestions(questions);
        return { rows: [...questions, ...tasks], problem: '' };
    }

    protected createItem(row: Task | Question): TreeItem {
        return 'request' in row ? new QuestionItem(row) : new TaskItem(row);
    }

    protected override listDetails(item: TreeItem): TreeItem[] {
        if (!(item instanceof TaskItem)) {
            return [];
        }
        const { task } = item;
        const facts: [string, string][] = [
            ['result', task.result.split('\n', 1)[0] ?? ''],
            ['branch', task.branch],
            ['role', task.role],
            ['workflow', task.workflow],
            ['worker', task.worker],
            ['changed', formatTime(task.changed)],
        ];
        const rows = facts.filter(([, value]) => value !== '');
        return rows.map(([label, value]) =>
            Object.assign(createTextItem(label), { description: value, tooltip: value }),
        );
    }

    /** Run an action of `starling.tasks`, say what there is to say, and show the tasks again. */
    private async run(action: string, args: object): Promise<Changed> {
        try {
            const changed = await this.server.run<Changed>(COMMANDS.tasks, { action, ...args });
            if (changed.note !== '') {
                void window.showInformationMessage(`Starling: ${changed.note}`);
            }
            return changed;
        } finally {
            this.refresh();
        }
    }

    /** Let the person choose a role; '' leaves the choice to the router, undefined is no choice. */
    private async chooseRole(): Promise<string | undefined> {
        const { roles } = await this.server.run<{ roles: { name: string; description: string }[] }>(COMMANDS.roles);
        const items = roles.map(({ name, description }) => ({ label: name, description }));
        const picked = await window.showQuickPick([{ label: ANY_ROLE, description: '' }, ...items], {
            title: 'Who does it?',
            matchOnDescription: true,
        });
        return picked?.label === ANY_ROLE ? '' : picked?.label;
    }

    private countQuestions(questions: readonly Question[]): void {
        const value = questions.length;
        const tooltip = value === 1 ? 'One question waits for you' : `${value} questions wait for you`;
        this.view.badge = value === 0 ? undefined : { value, tooltip };
    }
}

/** Ask the person in a modal message; returns whether they chose `yes`. */
export async function confirm(message: string, detail: string, yes: string): Promise<boolean> {
    return (await window.showWarningMessage(message, { modal: true, detail }, yes)) === yes;
}

function describeAnswer(question: Question, answer: string): string {
    if (question.tool === 'ask_person') {
        return answer === '' ? 'the question still waits.' : 'the worker has your answer.';
    }
    return answer === 'yes' ? 'the worker goes on.' : 'the worker is told no.';
}

function showFailure(error: unknown): void {
    void window.showErrorMessage(`Starling: ${error instanceof Error ? error.message : String(error)}`);
}

/** Create a tooltip with a line for each text; nothing in them is formatted. */
function createTooltip(lines: readonly string[]): MarkdownString {
    return new MarkdownString().appendText(lines.filter((line) => line !== '').join('\n'));
}

function formatTask(task: Task, details: string): string {
    const facts: [string, string][] = [
        ['status', task.status],
        ['priority', task.priority],
        ['attempts', String(task.attempts)],
        ['branch', task.branch],
    ];
    const lines = facts.filter(([, value]) => value !== '').map(([label, value]) => `- ${label}: ${value}`);
    const indented = details.replaceAll(/^/gm, '    ');
    return [lines.join('\n'), details === '' ? '' : indented, task.result].filter((one) => one !== '').join('\n\n');
}
