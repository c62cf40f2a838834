// What a person can have done, each with its input box where something has to be said. All of it is the server's work;
// here it is asked for, and the answer shown. Start at `Actions`.

import { commands, Range, Uri, window, workspace } from 'vscode';
import type { Answers } from './answers';
import {
    type Complexity,
    type Coverage,
    complexity,
    coverage,
    facts,
    type Review,
    review,
    type Style,
    style,
    type Validation,
    validation,
} from './reports';
import { COMMANDS, here, type Server, type Status, type Where, type Written } from './server';
import type { Statistics } from './statistics';

interface Hit {
    readonly path: string;
    readonly relative: string;
    readonly first_line: number;
    readonly text: string;
    readonly name: string;
}

interface Health {
    readonly [part: string]: unknown;
}

const NO_EDITOR = 'Open a file first: Starling needs a place to work at.';

export class Actions {
    constructor(
        private readonly server: Server,
        private readonly answers: Answers,
        private readonly statistics: Statistics,
    ) {}

    readonly explain = async (): Promise<void> => {
        const place = placed();
        await this.answered('What this code does', place, '');
    };

    readonly ask = async (): Promise<void> => {
        const place = placed();
        const question = await window.showInputBox({
            title: 'Ask about this code',
            prompt: 'The chat model reads what is selected, or the function at the cursor.',
            placeHolder: 'Why is this sorted twice?',
        });
        if (question) {
            await this.answered(question, place, question);
        }
    };

    readonly write = async (): Promise<void> => {
        const place = placed();
        const instruction = await window.showInputBox({
            title: 'Have code written here',
            prompt: 'What is wanted, in words; leave it empty for what is missing at this place.',
            placeHolder: 'retry three times with a growing pause',
        });
        if (instruction !== undefined) {
            this.told(await this.server.run<Written>(COMMANDS.generate, { ...place, instruction }));
        }
    };

    readonly improve = async (): Promise<void> => {
        this.told(await this.server.run<Written>(COMMANDS.refine, placed()));
    };

    readonly workflow = async (): Promise<void> => {
        const place = placed();
        const instruction = await window.showInputBox({
            title: 'Write, test, review and refine',
            prompt: 'What is wanted, in words; leave it empty for what is missing at this place.',
        });
        if (instruction !== undefined) {
            this.told(await this.server.run<Written>(COMMANDS.workflow, { ...place, instruction }));
        }
    };

    readonly undo = async (checkpoint = ''): Promise<void> => {
        const outcome = await this.server.run<Written>(COMMANDS.undo, { checkpoint });
        if (outcome.outcome !== 'rejected' && outcome.reason) {
            void window.showInformationMessage(`Starling: ${outcome.reason}`);
        }
    };

    readonly reviewFile = async (): Promise<void> => {
        const { uri } = placed();
        await this.reviewed(named(uri), { uri });
    };

    readonly checkFile = async (): Promise<void> => {
        const { uri } = placed();
        const found = await this.server.run<Validation>(COMMANDS.validate, { uri });
        await this.answers.open(`Check of ${named(uri)}`, validation(found));
    };

    readonly checkPep8 = async (): Promise<void> => {
        const { uri } = placed();
        const found = await this.server.run<Style>(COMMANDS.pep8, { uri });
        await this.answers.open(`PEP 8 in ${named(uri)}`, style(found));
    };

    readonly complexity = async (): Promise<void> => {
        const { uri } = placed();
        const found = await this.server.run<Complexity>(COMMANDS.complexity, { uri });
        await this.answers.open(`Complexity of ${named(uri)}`, complexity(found));
    };

    readonly reviewWorkspace = async (): Promise<void> => {
        await this.reviewed(workspace.name ?? 'the workspace', {});
    };

    readonly coverage = async (): Promise<void> => {
        const kinds = [
            { label: '$(history) Read the coverage data that are there', run: false },
            { label: '$(play) Run the tests first', run: true, detail: 'You are shown the command and asked.' },
        ];
        const kind = await window.showQuickPick(kinds, { title: 'What the tests cover' });
        if (kind !== undefined) {
            const found = await this.server.run<Coverage>(COMMANDS.coverage, { run: kind.run });
            await this.answers.open('What the tests cover', coverage(found));
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
        const picked = await window.showQuickPick(hits.map(found), { title: query, matchOnDetail: true });
        if (picked !== undefined) {
            const at = new Range(picked.hit.first_line, 0, picked.hit.first_line, 0);
            await window.showTextDocument(Uri.file(picked.hit.path), { selection: at });
        }
    };

    readonly status = async (): Promise<void> => {
        const [status, health] = await Promise.all([
            this.server.run<Status>(COMMANDS.status),
            this.server.run<Health>(COMMANDS.health),
        ]);
        await this.answers.open(
            'Status of Starling',
            facts([
                { title: 'Now', rows: flat(status) },
                { title: 'Health', rows: flat(health) },
            ]),
        );
    };

    private async answered(heading: string, place: Where, question: string): Promise<void> {
        const answer = await this.answers.open(heading);
        try {
            const told = await this.server.stream<{ text: string; model: string }>(
                'Starling: asking the chat model',
                COMMANDS.explain,
                { ...place, question },
                answer.pour,
            );
            answer.end(`${told.text}\n\n*${told.model}*`);
        } catch (error) {
            answer.end(`There is no answer. ${sentence(error)}`);
        }
    }

    private async reviewed(what: string, args: object): Promise<void> {
        const found = await this.server.run<Review>(COMMANDS.review, args);
        const base = workspace.workspaceFolders?.[0]?.uri.toString() ?? '';
        await this.answers.open(`Review of ${what}`, review(found, base));
        if (found.score !== null) {
            await this.statistics.keep({ at: Date.now() / 1000, score: found.score, of: what });
        }
    }

    private told(written: Written): void {
        if (written.text) {
            void this.answers.open('Answer', written.text);
        }
    }
}

/** What went wrong, in the server's own words where it said any. */
export function sentence(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}

function placed(): Where {
    const place = here();
    if (place === undefined) {
        throw new Error(NO_EDITOR);
    }
    return place;
}

/** A file's name, for a heading. */
function named(uri: string): string {
    return Uri.parse(uri).path.split('/').at(-1) ?? uri;
}

function found(hit: Hit): { label: string; description: string; detail: string; hit: Hit } {
    return {
        label: hit.name || hit.relative,
        description: `${hit.relative}:${hit.first_line + 1}`,
        detail: hit.text.trim().split('\n', 1)[0]?.slice(0, 120) ?? '',
        hit,
    };
}

/** `{a: {b: 1}}` as rows "a, b" and "1"; what is empty is left out. */
function flat(value: object, prefix = ''): [string, string][] {
    return Object.entries(value).flatMap(([name, inner]): [string, string][] => {
        const label = `${prefix}${name.replaceAll('_', ' ')}`;
        if (inner === null || inner === '' || (Array.isArray(inner) && inner.length === 0)) {
            return [];
        }
        if (Array.isArray(inner) && inner.every((one) => typeof one !== 'object')) {
            return [[label, inner.join(', ')]];
        }
        return typeof inner === 'object' ? flat(inner as object, `${label}, `) : [[label, String(inner)]];
    });
}

export async function openSettings(): Promise<void> {
    await commands.executeCommand('workbench.action.openSettings', '@ext:starling.starling');
}
