// The commands of the palette: each asks the person for what it needs, has the server do the work, and shows the answer.
// Start at `Actions`.

import { commands, Range, Uri, window, workspace } from 'vscode';
import type { Answers } from './answers';
import {
    type Complexity,
    type Coverage,
    formatComplexity,
    formatCoverage,
    formatFacts,
    formatReview,
    formatStyle,
    formatValidation,
    type Review,
    type Style,
    type Validation,
} from './reports';
import { COMMANDS, locateSelection, type SelectedCode, type Server, type Status, type Written } from './server';
import type { Statistics } from './statistics';

interface Hit {
    readonly path: string;
    readonly relative: string;
    readonly first_line: number;
    readonly text: string;
    readonly name: string;
}

interface AskedAgain {
    readonly outcome: string;
    readonly reason: string | null;
    readonly turn: { readonly text: string } | null;
}

interface Health {
    readonly [part: string]: unknown;
}

const NO_EDITOR = 'No file is open. Open one, and put the cursor where Starling should work.';

export class Actions {
    constructor(
        private readonly server: Server,
        private readonly answers: Answers,
        private readonly statistics: Statistics,
    ) {}

    readonly explain = async (): Promise<void> => {
        await this.streamAnswer('What this code does', requireSelection(), '');
    };

    readonly ask = async (): Promise<void> => {
        const selected = requireSelection();
        const question = await window.showInputBox({
            title: 'Ask about this code',
            prompt: 'The chat model reads the selected code, or the function at the cursor.',
            placeHolder: 'Why is this sorted twice?',
        });
        if (question) {
            await this.streamAnswer(question, selected, question);
        }
    };

    readonly write = async (): Promise<void> => {
        const selected = requireSelection();
        const instruction = await window.showInputBox({
            title: 'Write code here',
            prompt: 'Describe the code. Leave this empty to fill in what is missing at the cursor.',
            placeHolder: 'retry three times with increasing delays',
        });
        if (instruction !== undefined) {
            this.showText(await this.server.run<Written>(COMMANDS.generate, { ...selected, instruction }));
        }
    };

    readonly improve = async (): Promise<void> => {
        this.showText(await this.server.run<Written>(COMMANDS.refine, requireSelection()));
    };

    readonly runWorkflow = async (): Promise<void> => {
        const selected = requireSelection();
        const instruction = await window.showInputBox({
            title: 'Write, test, review and refine',
            prompt: 'Describe the code. Leave this empty to fill in what is missing at the cursor.',
        });
        if (instruction !== undefined) {
            this.showText(await this.server.run<Written>(COMMANDS.workflow, { ...selected, instruction }));
        }
    };

    readonly undo = async (checkpoint = ''): Promise<void> => {
        const outcome = await this.server.run<Written>(COMMANDS.undo, { checkpoint });
        if (outcome.outcome !== 'rejected' && outcome.reason) {
            void window.showInformationMessage(`Starling: ${outcome.reason}`);
        }
    };

    readonly askAgain = async (request: string): Promise<void> => {
        const asked = await this.server.run<AskedAgain>(COMMANDS.askAgain, { request });
        const text = asked.turn?.text ?? asked.reason;
        if (asked.outcome !== 'rejected' && text) {
            void window.showInformationMessage(`Starling: ${text}`);
        }
    };

    readonly reviewFile = async (): Promise<void> => {
        const { uri } = requireSelection();
        await this.showReview(getFileName(uri), { uri });
    };

    readonly checkFile = async (): Promise<void> => {
        const { uri } = requireSelection();
        const found = await this.server.run<Validation>(COMMANDS.validate, { uri });
        await this.answers.open(`Check of ${getFileName(uri)}`, formatValidation(found));
    };

    readonly checkPep8 = async (): Promise<void> => {
        const { uri } = requireSelection();
        const found = await this.server.run<Style>(COMMANDS.pep8, { uri });
        await this.answers.open(`PEP 8 in ${getFileName(uri)}`, formatStyle(found));
    };

    readonly showComplexity = async (): Promise<void> => {
        const { uri } = requireSelection();
        const found = await this.server.run<Complexity>(COMMANDS.complexity, { uri });
        await this.answers.open(`Complexity of ${getFileName(uri)}`, formatComplexity(found));
    };

    readonly reviewWorkspace = async (): Promise<void> => {
        await this.showReview(workspace.name ?? 'the workspace', {});
    };

    readonly showCoverage = async (): Promise<void> => {
        const kinds = [
            { label: '$(history) Read the existing coverage data', run: false },
            { label: '$(play) Run the tests first', run: true, detail: 'Starling shows the command and asks first.' },
        ];
        const kind = await window.showQuickPick(kinds, { title: 'Show Test Coverage' });
        if (kind !== undefined) {
            const found = await this.server.run<Coverage>(COMMANDS.coverage, { run: kind.run });
            await this.answers.open('What the tests cover', formatCoverage(found));
        }
    };

    readonly search = async (): Promise<void> => {
        const query = await window.showInputBox({ title: 'Search the code', placeHolder: 'retry with backoff' });
        if (!query) {
            return;
        }
        const { hits } = await this.server.run<{ hits: Hit[] }>(COMMANDS.search, { query, limit: 30 });
        if (hits.length === 0) {
            void window.showInformationMessage(`Starling found nothing for "${query}".`);
            return;
        }
        const picked = await window.showQuickPick(hits.map(createHitItem), { title: query, matchOnDetail: true });
        if (picked !== undefined) {
            const at = new Range(picked.hit.first_line, 0, picked.hit.first_line, 0);
            await window.showTextDocument(Uri.file(picked.hit.path), { selection: at });
        }
    };

    readonly showStatus = async (): Promise<void> => {
        const [status, health] = await Promise.all([
            this.server.run<Status>(COMMANDS.status),
            this.server.run<Health>(COMMANDS.health),
        ]);
        await this.answers.open(
            'Status of Starling',
            formatFacts([
                { title: 'Now', rows: flatten(status) },
                { title: 'Health', rows: flatten(health) },
            ]),
        );
    };

    /** Ask the chat model about the selected code, and show the answer under `heading` while it streams. */
    private async streamAnswer(heading: string, selected: SelectedCode, question: string): Promise<void> {
        const answer = await this.answers.open(heading);
        try {
            const reply = await this.server.runStreaming<{ text: string; model: string }>(
                'Starling: asking the chat model',
                COMMANDS.explain,
                { ...selected, question },
                answer.append,
            );
            answer.finish(`${reply.text}\n\n*${reply.model}*`);
        } catch (error) {
            answer.finish(`There is no answer. ${describeError(error)}`);
        }
    }

    /** Review what `args` name, show the report as that of `subject`, and save its score for the statistics. */
    private async showReview(subject: string, args: object): Promise<void> {
        const found = await this.server.run<Review>(COMMANDS.review, args);
        const base = workspace.workspaceFolders?.[0]?.uri.toString() ?? '';
        await this.answers.open(`Review of ${subject}`, formatReview(found, base));
        if (found.score !== null) {
            await this.statistics.saveScore({ at: Date.now() / 1000, score: found.score, of: subject });
        }
    }

    /** Show the text of a result that is an answer in words; a proposal has been shown by `Proposals`. */
    private showText(written: Written): void {
        if (written.text) {
            void this.answers.open('Answer', written.text);
        }
    }
}

/** Return the message of `error`: the server's own one if the server reported the error. */
export function describeError(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}

function requireSelection(): SelectedCode {
    const selected = locateSelection();
    if (selected === undefined) {
        throw new Error(NO_EDITOR);
    }
    return selected;
}

function getFileName(uri: string): string {
    return Uri.parse(uri).path.split('/').at(-1) ?? uri;
}

function createHitItem(hit: Hit): { label: string; description: string; detail: string; hit: Hit } {
    return {
        label: hit.name || hit.relative,
        description: `${hit.relative}:${hit.first_line + 1}`,
        detail: hit.text.trim().split('\n', 1)[0]?.slice(0, 120) ?? '',
        hit,
    };
}

/** Return nested fields as rows, `{a: {b: 1}}` as "a, b" and "1"; empty values are left out. */
function flatten(value: object, prefix = ''): [string, string][] {
    return Object.entries(value).flatMap(([name, inner]): [string, string][] => {
        const label = `${prefix}${name.replaceAll('_', ' ')}`;
        if (inner === null || inner === '' || (Array.isArray(inner) && inner.length === 0)) {
            return [];
        }
        if (Array.isArray(inner) && inner.every((one) => typeof one !== 'object')) {
            return [[label, inner.join(', ')]];
        }
        return typeof inner === 'object' ? flatten(inner as object, `${label}, `) : [[label, String(inner)]];
    });
}

export async function openSettings(): Promise<void> {
    await commands.executeCommand('workbench.action.openSettings', '@ext:starling.starling');
}
