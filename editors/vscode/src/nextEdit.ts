// A next edit as the server proposes it, and how its difference is shown and described. Knows no editor.
// Start at `describeDifference`.

export interface Place {
    readonly line: number;
    readonly character: number;
}

export interface NextEdit {
    readonly id: string;
    readonly textDocument: { readonly uri: string; readonly version: number };
    readonly range: { readonly start: Place; readonly end: Place };
    readonly newText: string;
    /** Why the edit is proposed: one sentence in plain text. */
    readonly reason: string;
}

/** What an edit really changes: the text that goes, between two places, and the text that comes. */
export interface Difference {
    readonly start: Place;
    readonly end: Place;
    readonly removed: string;
    readonly added: string;
    /** The whole lines that come, if the new text cannot be shown within one line; otherwise none. */
    readonly lines: readonly string[];
    /** Whether `lines` come above the line of `start`, which stays as it is. */
    readonly above: boolean;
}

const WORD = /[\p{L}\p{N}_]/u;

/**
 * Return the difference of an edit without the text that both sides have in common; words stay whole.
 *
 * @param start where the replaced text begins
 * @param before the text of its first line before `start`
 * @param old the replaced text
 * @param text the new text
 * @param after the text of its last line after the replaced text
 */
export function describeDifference(start: Place, before: string, old: string, text: string, after: string): Difference {
    const [prefix, suffix] = measureCommonParts(old, text);
    const removed = old.slice(prefix, old.length - suffix);
    const added = text.slice(prefix, text.length - suffix);
    const first = movePlace(start, old.slice(0, prefix));
    const last = movePlace(first, removed);
    const places = { start: first, end: last, removed, added };
    if (!added.includes('\n')) {
        return { ...places, lines: [], above: false };
    }
    const head = readLastLine(before + old.slice(0, prefix));
    const [tail] = `${old.slice(old.length - suffix)}${after}`.split('\n') as [string];
    if (removed === '' && head === '' && added.endsWith('\n')) {
        return { ...places, lines: added.slice(0, -1).split('\n'), above: true };
    }
    if (removed === '' && tail === '' && added.startsWith('\n')) {
        return { ...places, lines: added.slice(1).split('\n'), above: false };
    }
    return { ...places, lines: `${head}${added}${tail}`.split('\n'), above: false };
}

/** Return the place after `text`, which begins at `place` and has line ends "\n". */
export function movePlace(place: Place, text: string): Place {
    const lines = text.split('\n');
    const last = lines.at(-1)?.length ?? 0;
    return lines.length === 1
        ? { line: place.line, character: place.character + last }
        : { line: place.line + lines.length - 1, character: last };
}

/**
 * Return the hint that says what Tab does next; `name` is the file's name if it is another one than that of the cursor.
 *
 * @param line line of the edit, from 0
 */
export function describeKey(cursorIsThere: boolean, isVisible: boolean, line: number, name: string): string {
    if (cursorIsThere) {
        return 'Tab: accept · Esc: dismiss';
    }
    if (name !== '') {
        return `Tab: go to ${name}, line ${line + 1}`;
    }
    return isVisible ? 'Tab: go there' : `Tab: go to line ${line + 1}`;
}

/** Return the lengths of the common beginning and the common end of two texts, which never overlap nor cut a word. */
function measureCommonParts(old: string, text: string): [number, number] {
    const most = Math.min(old.length, text.length);
    let prefix = 0;
    while (prefix < most && old[prefix] === text[prefix]) {
        prefix++;
    }
    while (prefix > 0 && (cutsWord(old, prefix) || cutsWord(text, prefix))) {
        prefix--;
    }
    let suffix = 0;
    while (suffix < most - prefix && old[old.length - 1 - suffix] === text[text.length - 1 - suffix]) {
        suffix++;
    }
    while (suffix > 0 && (cutsWord(old, old.length - suffix) || cutsWord(text, text.length - suffix))) {
        suffix--;
    }
    return [prefix, suffix];
}

/** Whether a word, or a character of two UTF-16 units, would be cut at `offset`. */
function cutsWord(text: string, offset: number): boolean {
    const [left, right] = [text[offset - 1] ?? '', text[offset] ?? ''];
    return (WORD.test(left) && WORD.test(right)) || (/[\uD800-\uDBFF]/.test(left) && /[\uDC00-\uDFFF]/.test(right));
}

function readLastLine(text: string): string {
    return text.slice(text.lastIndexOf('\n') + 1);
}
