// Which part of a suggestion was taken, seen by what came into the document: VS Code tells extensions of whole
// acceptances (the item's command) and of no others. Knows no editor; start at `Acceptance.changed`.
//
// A change that inserts more than one character at once, all of them the next ones of a suggestion that is on the
// screen, is a part taken: a key gives one character, and a bracket with its pair two, which are no suggestion's next.

export interface Offered {
    readonly id: string;
    readonly text: string;
    /** Where it begins in the document. */
    readonly offset: number;
}

export interface Taken {
    readonly id: string;
    /** Characters (code points) from the suggestion's beginning on. */
    readonly length: number;
}

const PAIRS = new Set(['()', '[]', '{}', '""', "''", '``', '<>']);

export class Acceptance {
    private uri = '';
    /** Suggestions on the screen by id, as they were when they first came. */
    private offered = new Map<string, Offered>();

    /** A document's suggestions came; one that goes on while it is typed keeps its id and its beginning. */
    offer(uri: string, items: readonly Offered[]): void {
        const before = this.uri === uri ? this.offered : new Map<string, Offered>();
        this.uri = uri;
        this.offered = new Map(items.map((item) => [item.id, before.get(item.id) ?? item]));
    }

    /** The suggestion whose part a change put into the document, undefined for none; a whole one tells itself. */
    changed(uri: string, offset: number, removed: number, inserted: string): Taken | undefined {
        if (uri !== this.uri || removed > 0 || inserted.length < 2 || PAIRS.has(inserted)) {
            return undefined;
        }
        const text = inserted.replaceAll('\r\n', '\n');
        for (const item of this.offered.values()) {
            const at = offset - item.offset;
            const end = at + text.length;
            if (at >= 0 && end < item.text.length && item.text.slice(at, end) === text) {
                return { id: item.id, length: [...item.text.slice(0, end)].length };
            }
        }
        return undefined;
    }
}
