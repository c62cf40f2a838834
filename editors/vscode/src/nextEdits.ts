// Next edits: asks the server for one after a pause in typing, shows its difference, goes to it and applies it when a
// person presses the key. Changes nothing without the key. Start at `NextEdits`.

import {
    CancellationTokenSource,
    commands,
    type Disposable,
    MarkdownString,
    Position,
    Range,
    Selection,
    type TextDocument,
    type TextDocumentChangeReason,
    type TextEditor,
    TextEditorRevealType,
    Uri,
    window,
    workspace,
} from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import type { Completions } from './completions';
import { type Difference, describeDifference, describeKey, movePlace, type NextEdit, type Place } from './nextEdit';
import { NextEditDecorations } from './nextEditDecorations';
import type { Service } from './service';
import { SECTION } from './settings';

export const NEXT_EDIT = 'starling/nextEdit';
export const SHOWN = 'starling/didShowNextEdit';
export const ENDED = 'starling/didEndNextEdit';

const PAUSE_MS = 150; // without a key, before the server is asked
const NOTEBOOK_CELL = 'vscode-notebook-cell';
const SCHEMES = ['file', 'untitled', NOTEBOOK_CELL]; // of documents that the server knows
const IS_SHOWN = 'starling.nextEdit.shown'; // context: Escape dismisses the edit
const TAKES_TAB = 'starling.nextEdit.takesTab'; // context: Tab goes to the edit, or accepts it

/** A next edit on the screen, for one version of a document. */
interface Shown {
    readonly edit: NextEdit;
    readonly document: TextDocument;
    /** The document in which the person has typed. */
    readonly origin: TextDocument;
    readonly difference: Difference;
}

export class NextEdits implements Disposable {
    private readonly decorations = new NextEditDecorations();
    private readonly disposables: Disposable[];
    private readonly contexts = new Map<string, boolean>();
    private shown: Shown | undefined;
    private timer: NodeJS.Timeout | undefined;
    private request: CancellationTokenSource | undefined;
    private reported = ''; // id of the last edit that the server was told to be visible
    /** Where the cursor was put by Tab; while it is there, Tab goes on, even within the indentation of a line. */
    private arrival: { readonly uri: string; readonly at: Position } | undefined;

    constructor(
        private readonly service: Service,
        private readonly completions: Completions,
    ) {
        this.disposables = [
            this.decorations,
            workspace.onDidChangeTextDocument(({ document, contentChanges, reason }) => {
                if (contentChanges.length > 0) {
                    this.handleChange(document, reason);
                }
            }),
            window.onDidChangeActiveTextEditor(() => this.update()),
            window.onDidChangeTextEditorSelection(() => this.update()),
            window.onDidChangeTextEditorVisibleRanges(() => this.update()),
            window.onDidChangeVisibleTextEditors(() => {
                this.decorations.clear(); // a new editor of the document has none
                this.update();
            }),
            workspace.onDidCloseTextDocument((document) => document === this.shown?.document && this.clear()),
            workspace.onDidChangeConfiguration((event) => {
                if (event.affectsConfiguration(`${SECTION}.nextEdit`)) {
                    this.clear();
                }
            }),
            completions.onDidChange(() => this.update()),
            service.onDidChangePhase(() => this.clear()),
        ];
    }

    /** Go to the edit, or apply it if the cursor is there; without an edit that can be applied, Tab is a tab. */
    async advance(): Promise<void> {
        const { shown } = this;
        const editor = window.activeTextEditor;
        if (shown === undefined || editor === undefined || !this.takesTab(shown, editor)) {
            await commands.executeCommand('tab');
        } else if (isAtEdit(shown, editor)) {
            await this.apply(shown, editor);
        } else {
            await this.goTo(shown, editor);
        }
    }

    /** Remove the edit from the screen and tell the server that the person does not want it. */
    dismiss(): void {
        const { shown } = this;
        this.clear();
        if (shown !== undefined) {
            this.notify(ENDED, { id: shown.edit.id, accepted: false });
        }
    }

    dispose(): void {
        this.clear();
        for (const one of this.disposables) {
            one.dispose();
        }
    }

    /** Drop the edit, and ask for the next one after a pause; not after an undo, which would be proposed to be redone. */
    private handleChange(document: TextDocument, reason: TextDocumentChangeReason | undefined): void {
        const editor = window.activeTextEditor;
        const isActive = document === editor?.document;
        if (isActive || document === this.shown?.document) {
            this.clear();
        }
        if (isActive && editor !== undefined && reason === undefined && this.isOn(document)) {
            this.timer = setTimeout(() => void this.ask(editor), PAUSE_MS);
        }
    }

    /** Ask the server for the next edit and show it; an answer for an older text, or after another key, is dropped. */
    private async ask(editor: TextEditor): Promise<void> {
        this.clear();
        const client = this.service.runningClient;
        if (client === undefined || !offersNextEdits(client)) {
            return;
        }
        const { document } = editor;
        const { version } = document;
        const { line, character } = editor.selection.active;
        const source = new CancellationTokenSource();
        this.request = source;
        const textDocument = { uri: client.code2ProtocolConverter.asUri(document.uri), version };
        const params = { textDocument, position: { line, character } };
        let answer: { edit: NextEdit } | null = null;
        try {
            answer = await client.sendRequest<{ edit: NextEdit } | null>(NEXT_EDIT, params, source.token);
        } catch (error) {
            this.service.log.debug(`the next edit: ${error}`); // superseded, or the server has ended
        }
        if (source.token.isCancellationRequested) {
            return;
        }
        this.clear();
        if (answer !== null && document.version === version && editor === window.activeTextEditor) {
            this.show(answer.edit, document);
        }
    }

    /** Show an edit of an open document, if it was made for the document's present version and changes anything. */
    private show(edit: NextEdit, origin: TextDocument): void {
        const uri = Uri.parse(edit.textDocument.uri).toString();
        const document = workspace.textDocuments.find((one) => one.uri.toString() === uri);
        if (document === undefined || document.version !== edit.textDocument.version) {
            return;
        }
        if (document !== origin && document.uri.scheme === NOTEBOOK_CELL) {
            return; // an extension cannot put the cursor into another cell
        }
        const difference = findDifference(document, edit);
        if (difference.removed !== difference.added) {
            this.shown = { edit, document, origin, difference };
            this.update();
        }
    }

    /** Draw the edit, if there is one, and set the contexts of the keys. */
    private update(): void {
        const { shown } = this;
        const editor = window.activeTextEditor;
        if (shown !== undefined && !this.isOn(shown.document)) {
            this.clear();
            return;
        }
        const hidden = editor === undefined || this.completions.hasSuggestions(editor.document);
        if (shown === undefined || hidden) {
            this.decorations.clear();
            this.setContext(IS_SHOWN, false);
            this.setContext(TAKES_TAB, false);
            return;
        }
        const takesTab = this.takesTab(shown, editor);
        this.decorations.draw(shown.document, shown.difference, createHover(shown.edit));
        this.decorations.drawHint(editor, takesTab ? describeHint(shown, editor) : undefined);
        this.setContext(IS_SHOWN, true);
        this.setContext(TAKES_TAB, takesTab);
        this.reportShown(shown.edit);
    }

    /** Tell the server once that an edit became visible. */
    private reportShown(edit: NextEdit): void {
        if (this.reported !== edit.id) {
            this.reported = edit.id;
            this.notify(SHOWN, { id: edit.id });
        }
    }

    /** Whether Tab belongs to the edit: not with a selection, and not where Tab indents a line. */
    private takesTab(shown: Shown, editor: TextEditor): boolean {
        const { document, selections, selection } = editor;
        if (document !== shown.document && document !== shown.origin) {
            return false;
        }
        if (shown.document.version !== shown.edit.textDocument.version || selections.length > 1 || !selection.isEmpty) {
            return false;
        }
        const { active } = selection;
        const { arrival } = this;
        if (arrival?.uri === document.uri.toString() && arrival.at.isEqual(active)) {
            return true;
        }
        return document.lineAt(active.line).text.slice(0, active.character).trim() !== '';
    }

    private async goTo(shown: Shown, from: TextEditor): Promise<void> {
        const at = toPosition(shown.difference.start);
        const visible = window.visibleTextEditors.find((one) => one.document === shown.document);
        const there = from.document === shown.document ? from : visible;
        this.arrival = { uri: shown.document.uri.toString(), at };
        const editor = await window.showTextDocument(shown.document, there?.viewColumn);
        editor.selection = new Selection(at, at);
        editor.revealRange(new Range(at, at), TextEditorRevealType.InCenterIfOutsideViewport);
        this.update();
    }

    /** Apply the edit in one step that one undo takes back, and ask for the edit after it. */
    private async apply(shown: Shown, editor: TextEditor): Promise<void> {
        const { start, end, added } = shown.difference;
        const range = new Range(toPosition(start), toPosition(end));
        const done = await editor.edit((builder) => builder.replace(range, added), {
            undoStopBefore: true,
            undoStopAfter: true,
        });
        if (!done) {
            return;
        }
        const at = toPosition(movePlace(start, added));
        this.arrival = { uri: editor.document.uri.toString(), at };
        editor.selection = new Selection(at, at);
        this.notify(ENDED, { id: shown.edit.id, accepted: true });
        await this.ask(editor);
    }

    /** Remove the edit from the screen, and cancel what would bring another one. */
    private clear(): void {
        clearTimeout(this.timer);
        this.timer = undefined;
        this.request?.cancel();
        this.request?.dispose();
        this.request = undefined;
        if (this.shown !== undefined) {
            this.shown = undefined;
            this.update();
        }
    }

    /** Whether next edits are on in the settings and not paused for the file. */
    private isOn(document: TextDocument): boolean {
        const settings = workspace.getConfiguration(SECTION, document);
        const languagesOff = settings.get<string[]>('nextEdit.languagesOff', []);
        const enabled = settings.get('nextEdit.enabled', true);
        const reason = this.completions.pauses.getReason(
            document.uri.toString(),
            document.languageId,
            languagesOff,
            enabled,
        );
        return reason === '' && SCHEMES.includes(document.uri.scheme);
    }

    private setContext(name: string, value: boolean): void {
        if (this.contexts.get(name) !== value) {
            this.contexts.set(name, value);
            void commands.executeCommand('setContext', name, value);
        }
    }

    private notify(method: string, params: object): void {
        void this.service.runningClient?.sendNotification(method, params).catch(() => undefined);
    }
}

/** Whether the server of a client proposes next edits; an older one does not. */
function offersNextEdits(client: LanguageClient): boolean {
    const experimental: unknown = client.initializeResult?.capabilities.experimental;
    return (experimental as { starling?: { nextEdit?: boolean } } | undefined)?.starling?.nextEdit === true;
}

function findDifference(document: TextDocument, edit: NextEdit): Difference {
    const range = document.validateRange(new Range(toPosition(edit.range.start), toPosition(edit.range.end)));
    const before = document.lineAt(range.start.line).text.slice(0, range.start.character);
    const after = document.lineAt(range.end.line).text.slice(range.end.character);
    const old = document.getText(range).replaceAll('\r\n', '\n');
    return describeDifference(range.start, before, old, edit.newText, after);
}

/** Whether the cursor is in a line that the edit changes, so that the person sees what Tab does. */
function isAtEdit({ document, difference }: Shown, editor: TextEditor): boolean {
    const { start, end } = difference;
    const last = end.character === 0 && end.line > start.line ? end.line - 1 : end.line;
    const { line } = editor.selection.active;
    return editor.document === document && start.line <= line && line <= last && isVisible(editor, start);
}

function isVisible(editor: TextEditor, { line }: Place): boolean {
    return editor.visibleRanges.some((range) => range.start.line <= line && line <= range.end.line);
}

/** Return the hint of the edit and the line at whose end it belongs. */
function describeHint(shown: Shown, editor: TextEditor): { text: string; line: number } {
    const { start, above } = shown.difference;
    const isHere = shown.document === editor.document;
    const isSeen = isHere && isVisible(editor, start);
    const name = isHere ? '' : (shown.document.uri.path.split('/').at(-1) ?? '');
    const text = describeKey(isAtEdit(shown, editor), isSeen, start.line, name);
    const line = above ? Math.max(start.line - 1, 0) : start.line; // new lines are drawn over the line that they move down
    return { text, line: isSeen ? line : editor.selection.active.line };
}

/** Return the reason as plain text: names in it come from the code. */
function createHover({ reason }: NextEdit): MarkdownString {
    return new MarkdownString().appendText(reason);
}

function toPosition({ line, character }: Place): Position {
    return new Position(line, character);
}
