// The server's own commands, by their names, with what they take and give as far as we use it.
// The test `tests/server/test_vscode_extension.py` holds these names against the server's. Start at `Server.run`.

import { type Position, ProgressLocation, type Range, window } from 'vscode';
import { type ExecuteCommandParams, ExecuteCommandRequest, ProgressType } from 'vscode-languageclient/node';
import type { Service } from './service';

export const COMMANDS = {
    accepted: 'starling.completion.accepted',
    approvals: 'starling.approvals',
    audit: 'starling.audit',
    complexity: 'starling.calculateComplexity',
    coverage: 'starling.analyzeTestCoverage',
    explain: 'starling.explain',
    generate: 'starling.generate',
    health: 'starling.health',
    pep8: 'starling.analyzePep8',
    refine: 'starling.refine',
    review: 'starling.review',
    search: 'starling.search',
    stats: 'starling.stats',
    status: 'starling.status',
    undo: 'starling.undo',
    validate: 'starling.validate',
    workflow: 'starling.workflow',
    workflows: 'starling.workflows',
} as const;

export interface Where {
    readonly uri: string;
    readonly range: { readonly start: Position; readonly end: Position };
}

export interface Written {
    readonly proposal: string;
    readonly outcome: 'applied' | 'partly' | 'rejected' | 'expired' | 'refused' | 'failed';
    readonly reason: string | null;
    readonly text?: string | null;
    readonly notes?: readonly string[];
}

export interface Status {
    readonly state: string;
    readonly version: string;
    readonly roots: readonly string[];
    readonly index: { readonly state: string; readonly files: number; readonly problem: string } | null;
    readonly model: { readonly name: string; readonly state: string; readonly problem: string } | null;
    readonly problems: readonly string[];
}

/** What a person is told when a command cannot be run now. */
export class NotRunning extends Error {}

export class Server {
    constructor(private readonly service: Service) {}

    /** The result of a command of the server. */
    async run<R>(command: string, args: object = {}): Promise<R> {
        const client = this.service.running;
        if (client === undefined) {
            throw new NotRunning('Starling does not run; its item in the status bar says why.');
        }
        const params: ExecuteCommandParams = { command, arguments: [args] };
        return (await client.sendRequest(ExecuteCommandRequest.type, params)) as R;
    }

    /** The same with the answer's pieces as they come, and a Cancel. */
    async stream<R>(title: string, command: string, args: object, pour: (text: string) => void): Promise<R> {
        const client = this.service.running;
        if (client === undefined) {
            throw new NotRunning('Starling does not run; its item in the status bar says why.');
        }
        const partial_token = `answer-${Date.now()}-${Math.random()}`;
        const pieces = client.onProgress(new ProgressType<{ text: string }>(), partial_token, (piece) =>
            pour(piece.text),
        );
        const params: ExecuteCommandParams = { command, arguments: [{ ...args, partial_token }] };
        const location = ProgressLocation.Notification;
        try {
            return await window.withProgress({ location, cancellable: true, title }, async (_, token) => {
                return (await client.sendRequest(ExecuteCommandRequest.type, params, token)) as R;
            });
        } finally {
            pieces.dispose();
        }
    }
}

/** The place of the cursor or the selection, undefined where there is no editor of ours. */
export function here(): Where | undefined {
    const editor = window.activeTextEditor;
    return editor && { uri: editor.document.uri.toString(), range: plain(editor.selection) };
}

export function plain(range: Range): Where['range'] {
    const at = ({ line, character }: Position) => ({ line, character }) as Position;
    return { start: at(range.start), end: at(range.end) };
}
