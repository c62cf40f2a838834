// What the server proposes, asked about once: both texts of each file side by side, and one Apply or Reject for all.
//
// The server asks with `starling/confirm`, waits, and makes the change itself through its gate; nothing is changed here.
// Closing the comparison is a no. Start at `Proposals.confirm`.

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
} from 'vscode';
import { Texts } from './texts';

export const CONFIRM = 'starling/confirm';
export const SCHEME = 'starling-proposal';

interface ProposedFile {
    readonly action: 'change' | 'create' | 'rename' | 'delete';
    readonly uri: string;
    readonly target: string;
    readonly before: string;
    readonly after: string;
}

export interface Question {
    readonly id: string;
    readonly title: string;
    readonly detail: string;
    readonly serious: boolean;
    /** What may be answered: the first is the yes, the last the no. */
    readonly answers: readonly string[];
    readonly files: readonly ProposedFile[];
}

interface Comparison {
    readonly action: ProposedFile['action'];
    readonly label: string;
    readonly name: Uri;
    readonly before: Uri;
    readonly after: Uri;
}

interface Asked {
    readonly question: Question;
    readonly comparisons: readonly Comparison[];
    readonly answer: (chosen: string | null) => void;
    readonly answered: Promise<string | null>;
}

export class Proposals implements Disposable {
    private readonly texts = new Texts(SCHEME);
    private readonly asking = new EventEmitter<string>();
    private readonly disposables: Disposable[];
    private asked: Asked | undefined;
    /** What is asked now, "" for nothing. */
    readonly onDidAsk = this.asking.event;

    constructor() {
        this.disposables = [
            this.texts,
            this.asking,
            commands.registerCommand('starling.proposal.apply', () => this.answer(0)),
            commands.registerCommand('starling.proposal.reject', () => this.answer(-1)),
            commands.registerCommand('starling.proposal.answer', () => this.choose(this.asked)),
            commands.registerCommand('starling.proposal.show', () => this.asked && this.show(this.asked)),
            window.tabGroups.onDidChangeTabs((event) => {
                if (this.asked !== undefined && event.closed.some(this.isOurs)) {
                    this.asked.answer(null);
                }
            }),
        ];
    }

    /** Ask a person; null is a no. Whoever stops waiting takes the question down. */
    async confirm(question: Question, token: CancellationToken): Promise<{ answer: string } | null> {
        const comparisons = question.files.map((file, number) => this.compared(question.id, file, number));
        let settle: (chosen: string | null) => void = () => undefined;
        const answered = new Promise<string | null>((resolve) => {
            settle = resolve;
        });
        const asked: Asked = { question, comparisons, answer: settle, answered };
        this.asked = asked;
        const withdrawn = token.onCancellationRequested(() => settle(null));
        await commands.executeCommand('setContext', 'starling.asking', true);
        this.asking.fire(question.title);
        try {
            await this.show(asked);
            announce(asked);
            const chosen = await answered;
            return chosen === null ? null : { answer: chosen };
        } finally {
            withdrawn.dispose();
            // a message cannot be taken back, only out of sight; its buttons do nothing any more
            await commands.executeCommand('notifications.hideToasts');
            await window.tabGroups.close(window.tabGroups.all.flatMap((group) => group.tabs).filter(this.isOurs));
            this.asked = undefined;
            this.asking.fire('');
            await commands.executeCommand('setContext', 'starling.asking', false);
            for (const one of comparisons) {
                this.texts.drop(one.before);
                this.texts.drop(one.after);
            }
        }
    }

    dispose(): void {
        this.asked?.answer(null);
        for (const one of this.disposables) {
            one.dispose();
        }
    }

    private answer(number: 0 | -1): void {
        this.asked?.answer(this.asked.question.answers.at(number) ?? null);
    }

    /**
     * The question with its answers as a list, for the keyboard and for who has lost sight of it. Enter takes the first
     * choice, which only looks.
     */
    private choose(asked: Asked | undefined): void {
        if (asked === undefined) {
            return;
        }
        const { question } = asked;
        const icons = ['$(check)', ...question.answers.slice(1, -1).map(() => '$(check-all)'), '$(close)'];
        const answers = question.answers.map((label, number) => ({
            label: `${icons[number]} ${label}`,
            answer: label,
        }));
        const picking = window.createQuickPick<{ label: string; answer: string }>();
        picking.title = question.title;
        picking.placeholder = question.detail.split('\n').slice(1).join(' ');
        picking.items = [{ label: '$(diff) Look at the changes', answer: '' }, ...answers];
        picking.onDidAccept(() => {
            const [picked] = picking.selectedItems;
            picking.hide();
            if (picked?.answer === '') {
                void this.show(asked);
            } else if (picked !== undefined) {
                asked.answer(picked.answer);
            }
        });
        picking.onDidHide(() => picking.dispose());
        void asked.answered.then(() => picking.hide());
        picking.show();
    }

    private compared(id: string, file: ProposedFile, number: number): Comparison {
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
        return { action: file.action, label: labels[file.action], name: target, before, after };
    }

    private async show({ question, comparisons }: Asked): Promise<void> {
        const title = titled(question);
        const [only] = comparisons;
        if (only !== undefined && comparisons.length === 1) {
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

    private readonly isOurs = (tab: Tab): boolean => {
        if (this.asked === undefined) {
            return false;
        }
        if (tab.input instanceof TabInputTextDiff) {
            return tab.input.modified.scheme === SCHEME && tab.input.modified.query.startsWith(this.asked.question.id);
        }
        // of a comparison of several files extensions are told nothing but its title
        const known = tab.input instanceof TabInputText || tab.input instanceof TabInputWebview;
        return !known && tab.label.startsWith(titled(this.asked.question));
    };
}

/** The question as a message with its answers, which takes no focus and hides nothing; closing it is a no. */
function announce({ question, answer }: Asked): void {
    const tell = question.serious ? window.showWarningMessage : window.showInformationMessage;
    const reason = question.detail.split('\n').slice(1).join(' ');
    void tell(`${question.title} ${reason}`, ...question.answers).then((chosen) => answer(chosen ?? null));
}

function titled(question: Question): string {
    return question.title.replace(/^Starling: /, '');
}
