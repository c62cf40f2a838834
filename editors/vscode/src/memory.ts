// The view of what agents remember, with actions that edit, delete and export it. Start at `Memories`.

import { MarkdownString, ThemeIcon, TreeItem, TreeItemCollapsibleState, window, workspace } from 'vscode';
import { formatTime, RecordTree } from './recordTree';
import { COMMANDS } from './server';
import { confirm } from './tasks';

interface Memory {
    readonly workspace: string;
    readonly agent: string;
    readonly key: string;
    readonly text: string;
    readonly source: string;
    readonly origin: string;
    readonly changed: number;
}

interface Remembered {
    readonly memories: readonly Memory[];
    readonly text: string;
}

const STORE = 'Store the Text';

export class MemoryItem extends TreeItem {
    constructor(readonly memory: Memory) {
        super(memory.key, TreeItemCollapsibleState.None);
        const who = memory.agent === '' ? 'for all roles' : `for ${memory.agent}`;
        const where = memory.workspace === '' ? ', everywhere' : '';
        const from = [memory.source, memory.origin].filter((one) => one !== '').join(' ');
        this.id = JSON.stringify([memory.workspace, memory.agent, memory.key]);
        this.description = memory.text.split('\n', 1)[0] ?? '';
        this.iconPath = new ThemeIcon(memory.source === 'person' ? 'account' : 'lightbulb');
        this.contextValue = 'memory';
        this.command = { title: 'Edit', command: 'starling.memory.edit', arguments: [this] };
        const facts = `${who}${where}; from: ${from}; ${formatTime(memory.changed)}`;
        this.tooltip = new MarkdownString().appendText(`${memory.text}\n${facts}`);
        this.accessibilityInformation = { label: `${memory.key}: ${memory.text}. ${facts}` };
    }
}

export class Memories extends RecordTree<Memory> {
    /** Ask for the name and the text of a new memory of the workspace, and store it. */
    async add(): Promise<void> {
        const key = await window.showInputBox({ title: 'Remember something', prompt: 'A short name for it' });
        const text = key?.trim() && (await window.showInputBox({ title: key, prompt: 'What agents are to remember' }));
        if (key && text?.trim()) {
            await this.run({ action: 'edit', key: key.trim(), text });
        }
    }

    /** Let the person change the text of a memory: one line in a box, several in a document. */
    async edit({ memory }: MemoryItem): Promise<void> {
        const text = memory.text.includes('\n')
            ? await editInDocument(memory.text)
            : await window.showInputBox({ title: memory.key, prompt: 'Stored as your own words', value: memory.text });
        if (text !== undefined && text !== memory.text) {
            await this.run({ action: 'edit', ...nameMemory(memory), text });
        }
    }

    async delete({ memory }: MemoryItem): Promise<void> {
        if (await confirm(`Delete “${memory.key}”?`, 'It cannot be restored.', 'Delete')) {
            await this.run({ action: 'delete', ...nameMemory(memory) });
        }
    }

    /** Open all memories, activities and decisions as JSON in a new document, which the person may save. */
    async export(): Promise<void> {
        const { text } = await this.run({ action: 'export' });
        await window.showTextDocument(await workspace.openTextDocument({ language: 'json', content: text }));
    }

    protected async readRecords() {
        const { memories } = await this.server.run<Remembered>(COMMANDS.memory);
        return { rows: memories, problem: '' };
    }

    protected createItem(row: Memory): TreeItem {
        return new MemoryItem(row);
    }

    private async run(args: object): Promise<Remembered> {
        try {
            return await this.server.run<Remembered>(COMMANDS.memory, args);
        } finally {
            this.refresh();
        }
    }
}

function nameMemory({ workspace: place, agent, key }: Memory): object {
    return { workspace: place, agent, key };
}

/** Open a text in a new document and return it once the person stores it; undefined if they do not. */
async function editInDocument(content: string): Promise<string | undefined> {
    const document = await workspace.openTextDocument({ language: 'plaintext', content });
    await window.showTextDocument(document);
    const chosen = await window.showInformationMessage('Edit the text, then store it.', STORE);
    return chosen === STORE ? document.getText() : undefined;
}
