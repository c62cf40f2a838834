// Draws the difference of a next edit into the text: red and struck through what goes, green what comes, and a hint about
// the key. Decides nothing. Start at `NextEditDecorations.draw`.

import {
    type DecorationOptions,
    type Disposable,
    type MarkdownString,
    Position,
    Range,
    type TextDocument,
    type TextEditor,
    ThemeColor,
    window,
} from 'vscode';
import type { Difference } from './nextEdit';

const HINT = new ThemeColor('editorCodeLens.foreground');
const NO_BREAK_SPACE = '\u00a0'; // VS Code would collapse ordinary spaces in a decoration
// A decoration has no fields for the following; VS Code copies what follows the value of `textDecoration` into the style.
// The colour of what comes lies on the editor's own, so that neither text nor the colour of what goes shows through.
const ADDED =
    'none; white-space: pre; background: linear-gradient(var(--vscode-diffEditor-insertedTextBackground), ' +
    'var(--vscode-diffEditor-insertedTextBackground)), var(--vscode-editor-background)';
const INLINE = `${ADDED}; display: inline-block`; // so that it is not struck through with what goes
// Lines that come are drawn over the lines below, since an extension cannot make room between lines.
const BLOCK = `${ADDED}; position: absolute; left: 0; z-index: 5; padding-right: 2ch`;

export class NextEditDecorations implements Disposable {
    private readonly removed = window.createTextEditorDecorationType({
        backgroundColor: new ThemeColor('diffEditor.removedTextBackground'),
        textDecoration: 'line-through',
    });
    private readonly added = window.createTextEditorDecorationType({});
    private readonly hint = window.createTextEditorDecorationType({});
    private drawn: Difference | undefined;
    private drawnHint = '';

    /** Draw a difference in all editors that show the document, with `hover` for the mouse; not twice the same. */
    draw(document: TextDocument, difference: Difference, hover: MarkdownString): void {
        if (this.drawn === difference) {
            return;
        }
        this.drawn = difference;
        for (const editor of window.visibleTextEditors) {
            const isThere = editor.document === document;
            editor.setDecorations(this.removed, isThere ? drawRemoved(document, difference, hover) : []);
            editor.setDecorations(this.added, isThere ? drawAdded(editor, difference, hover) : []);
        }
    }

    /** Draw the hint at the end of a line of `editor`; removes every other hint. */
    drawHint(editor: TextEditor, hint: { readonly text: string; readonly line: number } | undefined): void {
        const drawn = hint === undefined ? '' : `${editor.document.uri} ${editor.viewColumn} ${hint.line} ${hint.text}`;
        if (this.drawnHint === drawn) {
            return;
        }
        this.drawnHint = drawn;
        for (const other of window.visibleTextEditors) {
            other.setDecorations(this.hint, []);
        }
        if (hint !== undefined) {
            const { end } = editor.document.lineAt(hint.line).range;
            const after = { contentText: hint.text, color: HINT, margin: '0 0 0 3ch', fontStyle: 'italic' };
            editor.setDecorations(this.hint, [{ range: new Range(end, end), renderOptions: { after } }]);
        }
    }

    /** Remove everything that was drawn. */
    clear(): void {
        if (this.drawn === undefined && this.drawnHint === '') {
            return;
        }
        this.drawn = undefined;
        this.drawnHint = '';
        for (const editor of window.visibleTextEditors) {
            for (const one of [this.removed, this.added, this.hint]) {
                editor.setDecorations(one, []);
            }
        }
    }

    dispose(): void {
        for (const one of [this.removed, this.added, this.hint]) {
            one.dispose();
        }
    }
}

/** Return the decoration of the text that goes: whole lines if whole lines come. */
function drawRemoved(document: TextDocument, { start, end, removed, lines }: Difference, hover: MarkdownString) {
    if (removed === '') {
        return [];
    }
    const range = new Range(start.line, start.character, end.line, end.character);
    const hoverMessage = hover;
    if (lines.length === 0) {
        return [{ range, hoverMessage }];
    }
    return [
        {
            range: new Range(document.lineAt(start.line).range.start, document.lineAt(end.line).range.end),
            hoverMessage,
        },
    ];
}

function drawAdded(editor: TextEditor, difference: Difference, hoverMessage: MarkdownString): DecorationOptions[] {
    const { end, added, lines } = difference;
    if (lines.length > 0) {
        return drawLines(editor, difference, hoverMessage);
    }
    if (added === '') {
        return [];
    }
    const at = new Position(end.line, end.character);
    const before = { contentText: added.replaceAll(' ', NO_BREAK_SPACE), textDecoration: INLINE };
    return [{ range: new Range(at, at), hoverMessage, renderOptions: { before } }]; // before a hint at the same place
}

/** Return a decoration for each line that comes, at the place that the line will have. */
function drawLines(editor: TextEditor, difference: Difference, hoverMessage: MarkdownString): DecorationOptions[] {
    const { start, end, lines, above } = difference;
    const line = above ? start.line : end.line;
    const tab = ' '.repeat(Number(editor.options.tabSize) || 4);
    const texts = lines.map((text) => text.replaceAll('\t', tab));
    const width = Math.max(...texts.map((text) => text.length));
    const at = above ? new Position(line, 0) : editor.document.lineAt(line).range.end;
    return texts.map((text, index) => {
        const offset = above ? index : index + 1;
        const place = `top: ${100 * offset}%; min-width: ${width}ch`;
        const after = {
            contentText: text.replaceAll(' ', NO_BREAK_SPACE) || NO_BREAK_SPACE,
            textDecoration: `${BLOCK}; ${place}`,
        };
        return { range: new Range(at, at), hoverMessage, renderOptions: { after } };
    });
}
