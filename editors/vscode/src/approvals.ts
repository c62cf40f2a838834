// Two lists in Starling's side bar: the proposals with their outcomes, and the record of all changes. Both only read the
// server's records. From the first list a change can be undone, and an unanswered question asked again, after the usual
// question. Start at `Approvals` and `Audit`.

import { type Command, MarkdownString, ThemeColor, ThemeIcon, TreeItem, TreeItemCollapsibleState, Uri } from 'vscode';
import { createTextItem, formatTime, RecordTree } from './recordTree';
import { COMMANDS } from './server';

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
