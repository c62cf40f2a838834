// Asks a person about a proposal: both texts of each file side by side, and one Apply or Reject for all of them, or for the
// parts that the person takes. A question about a command has no files; its text ends with the command.
//
// The server asks with `starling/confirm`, waits for the answer, and makes the change itself; nothing is changed here.
// Closing the comparison rejects the proposal. Start at `Proposals.confirm`.

import {
    type CancellationToken,
    commands,
    type Disposable,
    EventEmitter,
    type Tab,
    TabInputText,
    TabInputTextDiff,
    TabInputWebview,
    Uri,
    window,
    workspace,
} from 'vscode';
import type { OpenQuestion as ShownQuestion } from './chatState';
import { applyTaken, countTaken, isPossible, labelAnswer, listParts, type Part, type ProposedFile } from './parts';
import { Queue } from './queue';
import { Texts } from './texts';

export const CONFIRM = 'starling/confirm';
export const SCHEME = 'starling-proposal';
const CHOOSE = 'Choose Parts…';

export interface Question {
    readonly id: string;
    readonly title: string;
    readonly detail: string;
    readonly serious: boolean;
    /** The possible answers: the first one applies the proposal, the last one rejects it. */
    readonly answers: readonly string[];
    readonly files: readonly ProposedFile[];
}

export interface Decision {
    readonly answer: string;
    /** The ids of the taken parts; all are if this is missing. */
    readonly hunks?: readonly string[];
}

interface Comparison {
    readonly file: ProposedFile;
    readonly action: ProposedFile['action'];
    readonly label: string;
    readonly name: Uri;
    readonly before: Uri;
    readonly after: Uri;
}

interface OpenQuestion {
    readonly question: Question;
    readonly comparisons: readonly Comparison[];
    /** The ids of the taken parts, which changes while the question is open. */
    readonly taken: Set<string>;
    readonly answer: (chosen: string | null) => void;
    readonly answered: Promise<string | null>;
}

export class Proposals implements Disposable {
    private readonly texts = new Texts(SCHEME);
    private readonly titles = new EventEmitter<string>();
    private readonly choices = new EventEmitter<readonly string[]>();
    private readonly disposables: Disposable[];
    private readonly queue = new Queue();
    private open: OpenQuestion | undefined;
    /** Fires with the title of a new question, and with "" when it has been answered. */
    readonly onDidAsk = this.titles.event;
    /** Fires with the ids of the taken parts when a person has taken or left some. */
    readonly onDidChoose = this.choices.event;

    constructor() {
        this.disposables = [
            this.texts,
            this.titles,
            this.choices,
            commands.registerCommand('starling.proposal.apply', () => this.answer(0)),
            commands.registerCommand('starling.proposal.reject', () => this.answer(-1)),
            commands.registerCommand('starling.proposal.answer', () => this.showChoices(this.open)),
            commands.registerCommand('starling.proposal.choose', () => this.chooseParts(this.open)),
            commands.registerCommand('starling.proposal.show', () => this.open && this.showChanges(this.open)),
            window.tabGroups.onDidChangeTabs((event) => {
                if (this.open !== undefined && event.closed.some(this.isOurTab)) {
                    this.open.answer(null);
                }
            }),
        ];
    }

    /** The question that waits for an answer, for a view that shows it, too; null for none. */
    get question(): ShownQuestion | null {
        if (this.open === undefined) {
            return null;
        }
        const { question } = this.open;
        return {
            title: getTitle(question),
            detail: getReason(question, '\n'),
            answers: question.answers,
            hasChanges: question.files.length > 0,
            parts: this.listParts(this.open),
        };
    }

    /** Take parts of the open proposal, or leave them out; the comparison then shows what would be applied. */
    take(ids: readonly string[], taken: boolean): void {
        if (this.open === undefined) {
            return;
        }
        const offered = new Set(this.listParts(this.open).map((one) => one.id));
        for (const id of ids.filter((one) => offered.has(one))) {
            this.open.taken[taken ? 'add' : 'delete'](id);
        }
        for (const { file, after } of this.open.comparisons) {
            this.texts.replace(after, applyTaken(file, this.open.taken));
        }
        this.choices.fire([...this.open.taken]);
    }

    /** Answer the open question with one of its answers; any other text is ignored. */
    answerWith(chosen: string): void {
        if (this.open !== undefined) {
            const { answers } = this.open.question;
            const index = answers.indexOf(chosen);
            if (index !== -1 && isPossible(index, answers.length, this.listParts(this.open))) {
                this.open.answer(chosen);
            }
        }
    }

    /**
     * Ask a person and return the chosen answer; null if the person closes the question or the server cancels it. A second
     * question is shown once the first one is closed.
     */
    confirm(question: Question, token: CancellationToken): Promise<Decision | null> {
        return this.queue.run(async () => (token.isCancellationRequested ? null : this.ask(question, token)));
    }

    private async ask(question: Question, token: CancellationToken): Promise<Decision | null> {
        const comparisons = question.files.map((file, number) => this.createComparison(question.id, file, number));
        let settle: (chosen: string | null) => void = () => undefined;
        const answered = new Promise<string | null>((resolve) => {
            settle = resolve;
        });
        const taken = new Set(question.files.flatMap((file) => (file.hunks ?? []).map((hunk) => hunk.id)));
        const asked: OpenQuestion = { question, comparisons, taken, answer: settle, answered };
        this.open = asked;
        const withdrawn = token.onCancellationRequested(() => settle(null));
        await commands.executeCommand('setContext', 'starling.asking', true);
        await commands.executeCommand('setContext', 'starling.choosing', this.listParts(asked).length > 0);
        this.titles.fire(question.title);
        try {
            await this.showChanges(asked);
            this.showMessage(asked);
            const answer = await answered;
            if (answer === null) {
                return null;
            }
            const parts = this.listParts(asked);
            return countTaken(parts) === parts.length ? { answer } : { answer, hunks: [...taken] };
        } finally {
            withdrawn.dispose();
            // VS Code cannot withdraw a message, only hide it; its buttons have no effect any more
            await commands.executeCommand('notifications.hideToasts');
            await window.tabGroups.close(window.tabGroups.all.flatMap((group) => group.tabs).filter(this.isOurTab));
            this.open = undefined;
            this.titles.fire('');
            await commands.executeCommand('setContext', 'starling.asking', false);
            await commands.executeCommand('setContext', 'starling.choosing', false);
            for (const one of comparisons) {
                this.texts.remove(one.before);
                this.texts.remove(one.after);
            }
        }
    }

    dispose(): void {
        this.open?.answer(null);
        for (const one of this.disposables) {
            one.dispose();
        }
    }

    /** Answer the open question with its first (0) or last (-1) answer. */
    private answer(index: 0 | -1): void {
        if (this.open === undefined) {
            return;
        }
        if (index === 0 && !isPossible(0, this.open.question.answers.length, this.listParts(this.open))) {
            void window.showInformationMessage('Starling: no part is taken. Take one, or reject the proposal.');
            return;
        }
        this.open.answer(this.open.question.answers.at(index) ?? null);
    }

    /** List the parts of a question, with those that are taken; none if the proposal is answered as a whole. */
    private listParts({ question, taken }: OpenQuestion): Part[] {
        return listParts(question.files, (file) => workspace.asRelativePath(Uri.parse(file.uri)), taken);
    }

    /**
     * Show the question with its answers as a pick list, for the keyboard, or if the message is hidden. The first choice
     * decides nothing, so that Enter alone does not either.
     */
    private showChoices(asked: OpenQuestion | undefined): void {
        if (asked === undefined) {
            return;
        }
        const { question } = asked;
        const icons = ['$(check)', ...question.answers.slice(1, -1).map(() => '$(check-all)'), '$(close)'];
        const parts = this.listParts(asked);
        const answers = question.answers
            .map((answer, number) => ({
                label: `${icons[number]} ${labelAnswer(answer, number, parts)}`,
                answer,
                possible: isPossible(number, question.answers.length, parts),
            }))
            .filter((one) => one.possible);
        const choose = parts.length > 0 ? [{ label: `$(checklist) ${CHOOSE}`, answer: CHOOSE }] : [];
        const picking = window.createQuickPick<{ label: string; answer: string }>();
        picking.title = question.title;
        picking.placeholder = getReason(question);
        const look = question.files.length > 0 ? '$(diff) Look at the changes' : '$(clock) Decide later';
        picking.items = [{ label: look, answer: '' }, ...choose, ...answers];
        picking.onDidAccept(() => {
            const [picked] = picking.selectedItems;
            picking.hide();
            if (picked?.answer === '') {
                void this.showChanges(asked);
            } else if (picked?.answer === CHOOSE) {
                this.chooseParts(asked);
            } else if (picked !== undefined) {
                asked.answer(picked.answer);
            }
        });
        picking.onDidHide(() => picking.dispose());
        void asked.answered.then(() => picking.hide());
        picking.show();
    }

    /** Let the person choose the parts in a pick list with check boxes; the answers are shown afterwards. */
    private chooseParts(asked: OpenQuestion | undefined): void {
        const parts = asked === undefined ? [] : this.listParts(asked);
        if (asked === undefined || parts.length === 0) {
            return;
        }
        const items = parts.map(({ id, file, place, lines, taken }) => {
            const changed = lines.filter((line) => /^[-+]/.test(line));
            return { id, label: `${file}, ${place}`, detail: changed.slice(0, 3).join('   '), picked: taken };
        });
        const picking = window.createQuickPick<(typeof items)[number]>();
        picking.title = asked.question.title;
        picking.placeholder = 'Parts to take; all others are left as they are';
        picking.canSelectMany = true;
        picking.matchOnDetail = true;
        picking.items = items;
        picking.selectedItems = items.filter((one) => one.picked);
        picking.onDidAccept(() => {
            const chosen = new Set(picking.selectedItems.map((one) => one.id));
            picking.hide();
            this.take(
                items.map((one) => one.id).filter((id) => !chosen.has(id)),
                false,
            );
            this.take([...chosen], true);
            this.showChoices(asked);
        });
        picking.onDidHide(() => picking.dispose());
        void asked.answered.then(() => picking.hide());
        picking.show();
    }

    /** Show the question as a message with its answers, which takes no focus; closing the message rejects the proposal. */
    private showMessage(asked: OpenQuestion): void {
        const { question } = asked;
        const show = question.serious ? window.showWarningMessage : window.showInformationMessage;
        const hasRoom = question.answers.length < 3; // VS Code cuts the titles of four buttons
        const choose = hasRoom && this.listParts(asked).length > 0 ? [CHOOSE] : [];
        const [apply = '', ...others] = question.answers;
        void show(`${question.title} ${getReason(question)}`, apply, ...choose, ...others).then((chosen) => {
            if (chosen === CHOOSE) {
                this.chooseParts(asked);
            } else if (chosen === apply && this.open === asked) {
                this.answer(0);
            } else {
                asked.answer(chosen ?? null);
            }
        });
    }

    /** Create the documents that show both texts of a file. */
    private createComparison(id: string, file: ProposedFile, number: number): Comparison {
        const source = Uri.parse(file.uri);
        const target = file.target === '' ? source : Uri.parse(file.target);
        const before = this.texts.put(source.path, `${id}.${number}.before`, file.before);
        const after = this.texts.put(target.path, `${id}.${number}.after`, file.after);
        const name = source.path.split('/').at(-1) ?? source.path;
        const labels = {
            change: name,
            create: `${name} (new)`,
            delete: `${name} (deleted)`,
            rename: `${name} → ${target.path.split('/').at(-1)}`,
        };
        return { file, action: file.action, label: labels[file.action], name: target, before, after };
    }

    private async showChanges({ question, comparisons }: OpenQuestion): Promise<void> {
        const title = getTitle(question);
        const [only] = comparisons;
        if (only === undefined) {
            return; // the question is about a command
        }
        if (comparisons.length === 1) {
            const label = `${title} ${only.label}`;
            await commands.executeCommand('vscode.diff', only.before, only.after, label, { preview: false });
            return;
        }
        const resources = comparisons.map(({ action, name, before, after }) => [
            name,
            action === 'create' ? undefined : before,
            action === 'delete' ? undefined : after,
        ]);
        await commands.executeCommand('vscode.changes', title, resources);
    }

    private readonly isOurTab = (tab: Tab): boolean => {
        if (this.open === undefined) {
            return false;
        }
        if (tab.input instanceof TabInputTextDiff) {
            return tab.input.modified.scheme === SCHEME && tab.input.modified.query.startsWith(this.open.question.id);
        }
        // VS Code tells extensions only the title of a comparison of several files
        const known = tab.input instanceof TabInputText || tab.input instanceof TabInputWebview;
        return !known && tab.label.startsWith(getTitle(this.open.question));
    };
}

/** Return the lines of the detail without the first one, which repeats the title. */
function getReason(question: Question, separator = ' '): string {
    return question.detail.split('\n').slice(1).join(separator);
}

/** Return the title without the prefix that the views of VS Code do not need. */
function getTitle(question: Question): string {
    return question.title.replace(/^Starling: /, '');
}
