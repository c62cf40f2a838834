// Detects which part of a suggestion a person accepted. VS Code reports the acceptance of a whole suggestion (it runs the
// item's command), but not of a part, so parts are recognized by the changes of the document. Knows no editor; start at
// `Acceptance.findAcceptedPart`.
//
// A change counts as an accepted part if it inserts two or more characters at once and they are the next characters of a
// suggestion on the screen. Typing inserts one character at a time; VS Code's automatic bracket pairs are excluded.

export interface Suggestion {
    readonly id: string;
    readonly text: string;
    /** Where the suggestion begins in the document, in UTF-16 units. */
    readonly offset: number;
}

export interface AcceptedPart {
    readonly id: string;
    /** How much of the suggestion has been accepted so far, in code points from its beginning. */
    readonly length: number;
}

const PAIRS = new Set(['()', '[]', '{}', '""', "''", '``', '<>']);

export class Acceptance {
    private uri = '';
    /** The suggestions on the screen by id, as they were when they were first shown. */
    private shown = new Map<string, Suggestion>();

    /**
     * Replace the suggestions that are on the screen. A suggestion whose id was there before keeps its first text and
     * beginning, since the server repeats a suggestion under its id while a person types it.
     */
    setSuggestions(uri: string, items: readonly Suggestion[]): void {
        const before = this.uri === uri ? this.shown : new Map<string, Suggestion>();
        this.uri = uri;
        this.shown = new Map(items.map((item) => [item.id, before.get(item.id) ?? item]));
    }

    /** Return the part of a suggestion that a change put into the document; undefined if none or the whole suggestion. */
    findAcceptedPart(uri: string, offset: number, removed: number, inserted: string): AcceptedPart | undefined {
        if (uri !== this.uri || removed > 0 || inserted.length < 2 || PAIRS.has(inserted)) {
            return undefined;
        }
        const text = inserted.replaceAll('\r\n', '\n');
        for (const item of this.shown.values()) {
            const at = offset - item.offset;
            const end = at + text.length;
            if (at >= 0 && end < item.text.length && item.text.slice(at, end) === text) {
                return { id: item.id, length: [...item.text.slice(0, end)].length };
            }
        }
        return undefined;
    }
}
