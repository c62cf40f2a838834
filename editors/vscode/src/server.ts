// The server's commands: their names, and the fields of arguments and results that the extension uses.
// `tests/server/test_vscode_extension.py` compares both with the server. Start at `Server.run`.

import { type CancellationToken, type Position, ProgressLocation, type Range, window } from 'vscode';
import {
    type ExecuteCommandParams,
    ExecuteCommandRequest,
    type LanguageClient,
    ProgressType,
} from 'vscode-languageclient/node';
import type { Service } from './service';

export const COMMANDS = {
    accepted: 'starling.completion.accepted',
    approvals: 'starling.approvals',
    ask: 'starling.ask',
    askAgain: 'starling.askAgain',
    audit: 'starling.audit',
    cancel: 'starling.cancel',
    complexity: 'starling.calculateComplexity',
    coverage: 'starling.analyzeTestCoverage',
    explain: 'starling.explain',
    feedback: 'starling.feedback',
    generate: 'starling.generate',
    health: 'starling.health',
    memory: 'starling.memory',
    pep8: 'starling.analyzePep8',
    questions: 'starling.questions',
    refine: 'starling.refine',
    review: 'starling.review',
    roles: 'starling.roles',
    search: 'starling.search',
    session: 'starling.session',
    sessions: 'starling.sessions',
    stats: 'starling.stats',
    status: 'starling.status',
    tasks: 'starling.tasks',
    tools: 'starling.tools',
    undo: 'starling.undo',
    validate: 'starling.validate',
    workflow: 'starling.workflow',
    workflows: 'starling.workflows',
} as const;

export interface SelectedCode {
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

/** The server is not running; the message tells a person where to look. */
export class NotRunningError extends Error {}

export class Server {
    constructor(private readonly service: Service) {}

    /** Run a command of the server and return its result. */
    async run<R>(command: string, args: object = {}): Promise<R> {
        const client = this.requireClient();
        const params: ExecuteCommandParams = { command, arguments: [args] };
        return (await client.sendRequest(ExecuteCommandRequest.type, params)) as R;
    }

    /**
     * Run a command whose answer streams: each piece goes to `onPiece`, and a notification `title` with a Cancel button is
     * shown until the result is there.
     */
    async runStreaming<R>(title: string, command: string, args: object, onPiece: (text: string) => void): Promise<R> {
        const location = ProgressLocation.Notification;
        const takePiece = (piece: unknown) => onPiece((piece as { text: string }).text);
        return window.withProgress({ location, cancellable: true, title }, (_, token) =>
            this.stream<R>(command, args, takePiece, token),
        );
    }

    /** Run a command whose answer streams: each part goes to `onPart` as the server sends it. */
    async stream<R>(
        command: string,
        args: object,
        onPart: (part: unknown) => void,
        token: CancellationToken,
    ): Promise<R> {
        const client = this.requireClient();
        const partial_token = `answer-${Date.now()}-${Math.random()}`;
        const parts = client.onProgress(new ProgressType<unknown>(), partial_token, onPart);
        const params: ExecuteCommandParams = { command, arguments: [{ ...args, partial_token }] };
        try {
            return (await client.sendRequest(ExecuteCommandRequest.type, params, token)) as R;
        } finally {
            parts.dispose();
        }
    }

    private requireClient(): LanguageClient {
        const client = this.service.runningClient;
        if (client === undefined) {
            throw new NotRunningError('Starling is not running. Click its item in the status bar to see why.');
        }
        return client;
    }
}

/** Return the document and the selection of the active editor; undefined if no editor is open. */
export function locateSelection(): SelectedCode | undefined {
    const editor = window.activeTextEditor;
    return editor && { uri: editor.document.uri.toString(), range: copyRange(editor.selection) };
}

/** Return `range` as LSP has it, without VS Code's extra fields. */
export function copyRange(range: Range): SelectedCode['range'] {
    const copy = ({ line, character }: Position) => ({ line, character }) as Position;
    return { start: copy(range.start), end: copy(range.end) };
}
