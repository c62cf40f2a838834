// A tree of the server's records for the side bar, and the items that several trees share. Start at `RecordTree`.

import { type Event, EventEmitter, type TreeDataProvider, TreeItem, TreeItemCollapsibleState } from 'vscode';
import type { Server } from './server';

/** A tree of the server's records, in the server's order, each with its details below. */
export abstract class RecordTree<Row> implements TreeDataProvider<TreeItem> {
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

export function createTextItem(text: string): TreeItem {
    return Object.assign(new TreeItem(text, TreeItemCollapsibleState.None), { tooltip: text });
}

export function formatTime(seconds: number): string {
    return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' });
}
