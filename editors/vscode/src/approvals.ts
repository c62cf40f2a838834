// Two lists in Starling's side bar: the proposals with their outcomes, and the record of all changes. Both only read the
// server's records. From the first list a change can be undone, and an unanswered question asked again, after the usual
// question. Start at `Approvals` and `Audit`.

import {
    type Command,
    type Event,
    EventEmitter,
    MarkdownString,
    ThemeColor,
    ThemeIcon,
    type TreeDataProvider,
    TreeItem,
    TreeItemCollapsibleState,
    Uri,
} from 'vscode';
import { COMMANDS, type Server } from './server';

interface Approval {
    readonly id: string;
    readonly created: number;
    readonly title: string;
    readonly why: string;
    readonly by: string;
    readonly model: string;
    readonly subjects: readonly string[];
    readonly diff: string;
    readonly status: string;
    readonly verdict: string;
    readonly reason: string;
    readonly checkpoint: string;
    readonly askable: boolean;
}

interface AuditRow {
    readonly at: number;
    readonly who: string;
    readonly client: string;
    readonly proposer: string;
    readonly model: string;
    readonly title: string;
    readonly action: string;
    readonly subject: string;
    readonly target: string;
    readonly hash_before: string;
    readonly hash_after: string;
    readonly written: boolean;
    readonly answer: string;
    readonly verdict: string;
    readonly reason: string;
}

const ICONS: Record<string, ThemeIcon> = {
    applied: new ThemeIcon('pass', new ThemeColor('testing.iconPassed')),
    partly: new ThemeIcon('pass', new ThemeColor('testing.iconQueued')),
    rejected: new ThemeIcon('circle-slash'),
    expired: new ThemeIcon('clock'),
    refused: new ThemeIcon('shield'),
    failed: new ThemeIcon('error', new ThemeColor('testing.iconFailed')),
};

/** A tree of the server's records, in the server's order, each with its details below. */
abstract class RecordTree<Row> implements TreeDataProvider<TreeItem> {
    private readonly changes = new EventEmitter<undefined>();
    readonly onDidChangeTreeData: Event<undefined> = this.changes.event;

    constructor(protected readonly server: Server) {}

    refresh(): void {
        this.changes.fire(undefined);
    }

    getTreeItem(item: TreeItem): TreeItem {
        return item;
    }

    async getChildren(item?: TreeItem): Promise<TreeItem[]> {
        if (item !== undefined) {
            return this.listDetails(item);
        }
        try {
            const { rows, problem } = await this.readRecords();
            return problem === '' ? rows.map((row) => this.createItem(row)) : [createTextItem(problem)];
        } catch {
            return []; // the server is not running; the empty view says so (`viewsWelcome` in package.json)
        }
    }

    protected abstract readRecords(): Promise<{ rows: readonly Row[]; problem: string }>;
    protected abstract createItem(row: Row): TreeItem;
    protected listDetails(_: TreeItem): TreeItem[] {
        return [];
    }
}

export class ApprovalItem extends TreeItem {
    constructor(readonly approval: Approval) {
        super(approval.title, TreeItemCollapsibleState.Collapsed);
        const outcome = approval.verdict || approval.status;
        this.id = approval.id;
        this.description = `${outcome}, ${formatTime(approval.created)}`;
        this.iconPath = ICONS[outcome] ?? new ThemeIcon('question');
        this.contextValue = `approval${approval.askable ? '.askable' : ''}${approval.checkpoint === '' ? '' : '.undoable'}`;
        this.tooltip = new MarkdownString().appendText(
            [
                approval.title,
                approval.why,
                `By ${approval.by}${approval.model && `, ${approval.model}`}`,
                approval.reason,
            ]
                .filter((line) => line !== '')
                .join('\n'),
        );
        this.accessibilityInformation = { label: `${approval.title}: ${this.description}` };
    }
}

export class Approvals extends RecordTree<Approval> {
    protected async readRecords() {
        const found = await this.server.run<{ approvals: Approval[]; problem: string }>(COMMANDS.approvals, {
            limit: 100,
        });
        return { rows: found.approvals, problem: found.problem };
    }

    protected createItem(row: Approval): TreeItem {
        return new ApprovalItem(row);
    }

    protected override listDetails(item: TreeItem): TreeItem[] {
        if (!(item instanceof ApprovalItem)) {
            return [];
        }
        const { approval } = item;
        const difference: Command = { title: 'Show', command: 'starling.approvals.show', arguments: [item] };
        return [
            ...(approval.reason === '' ? [] : [createTextItem(approval.reason)]),
            ...approval.subjects.map((subject) => createFileItem(subject)),
            Object.assign(createTextItem('What was shown'), { iconPath: new ThemeIcon('diff'), command: difference }),
        ];
    }
}

class AuditItem extends TreeItem {
    constructor(readonly row: AuditRow) {
        super(`${row.action} ${getFileName(row.subject)}`, TreeItemCollapsibleState.Collapsed);
        this.description = `${row.verdict}, ${formatTime(row.at)}`;
        this.iconPath = row.written ? new ThemeIcon('edit') : new ThemeIcon('circle-slash');
    }
}

export class Audit extends RecordTree<AuditRow> {
    protected async readRecords() {
        return this.server.run<{ rows: AuditRow[]; problem: string }>(COMMANDS.audit, { limit: 200 });
    }

    protected createItem(row: AuditRow): TreeItem {
        return new AuditItem(row);
    }

    protected override listDetails(item: TreeItem): TreeItem[] {
        if (!(item instanceof AuditItem)) {
            return [];
        }
        const { row } = item;
        const by = `${row.proposer}${row.model && ` (${row.model})`}`;
        const facts: [string, string][] = [
            ['proposed', `${row.title}, by ${by}`],
            ['answered', row.answer && `${row.answer}, by ${row.who} in ${row.client}`],
            ['reason', row.reason],
            ['moved to', row.target],
            ['before', row.hash_before],
            ['after', row.hash_after],
        ];
        const rows = facts.filter(([, value]) => value !== '');
        return [
            createFileItem(row.subject),
            ...rows.map(([label, value]) => Object.assign(createTextItem(label), { description: value })),
        ];
    }
}

function createTextItem(text: string): TreeItem {
    return Object.assign(new TreeItem(text, TreeItemCollapsibleState.None), { tooltip: text });
}

/** Create an item that opens the file if `subject` is a path or a file URI, else an item with its text. */
function createFileItem(subject: string): TreeItem {
    if (!/^(\/|[a-zA-Z]:[\\/]|file:)/.test(subject)) {
        return createTextItem(subject);
    }
    const uri = subject.startsWith('file:') ? Uri.parse(subject) : Uri.file(subject);
    const item = new TreeItem(uri, TreeItemCollapsibleState.None);
    item.command = { title: 'Open', command: 'vscode.open', arguments: [uri] };
    item.iconPath = ThemeIcon.File;
    return item;
}

function getFileName(subject: string): string {
    return subject.split(/[\\/]/).at(-1) ?? subject;
}

function formatTime(seconds: number): string {
    return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' });
}
