// The parts (hunks) of a proposal, of which a person can take some and leave others. The server finds them and makes the
// change; this computes only what the views show. Pure. Start at `listParts`.

/** A part as the server sends it; the lines count from 0, and `end` is the one after the last. */
export interface Hunk {
    readonly id: string;
    readonly before: readonly [start: number, end: number];
    readonly after: readonly [start: number, end: number];
    readonly header: string;
    readonly lines: readonly string[];
}

export interface ProposedFile {
    readonly action: 'change' | 'create' | 'rename' | 'delete';
    readonly uri: string;
    readonly target: string;
    readonly before: string;
    readonly after: string;
    readonly hunks?: readonly Hunk[];
}

/** A part as the views show it. */
export interface Part {
    readonly id: string;
    readonly file: string;
    /** The lines in the file, or what happens to the whole file. */
    readonly place: string;
    readonly lines: readonly string[];
    readonly taken: boolean;
}

const MAX_LINES = 60; // of a part in the chat view

/** List the parts of all files; none if the proposal has only one part or is asked about as a whole. */
export function listParts(
    files: readonly ProposedFile[],
    formatName: (file: ProposedFile) => string,
    taken: ReadonlySet<string>,
): Part[] {
    const parts = files.flatMap((file) =>
        (file.hunks ?? []).map((hunk) => ({
            id: hunk.id,
            file: formatName(file),
            place: describePlace(file, hunk),
            lines: cutLines(hunk.lines),
            taken: taken.has(hunk.id),
        })),
    );
    return parts.length > 1 ? parts : [];
}

export function countTaken(parts: readonly Part[]): number {
    return parts.filter((one) => one.taken).length;
}

/** Return the label of an answer: the approval of some parts names their number. */
export function labelAnswer(answer: string, index: number, parts: readonly Part[]): string {
    const taken = countTaken(parts);
    return index === 0 && taken < parts.length ? `${answer} ${taken} of ${parts.length} Parts` : answer;
}

/**
 * Return whether an answer is possible: an approval of no part is none, and the answers between the approval and the
 * rejection are for the whole proposal.
 */
export function isPossible(index: number, count: number, parts: readonly Part[]): boolean {
    const taken = countTaken(parts);
    if (index === count - 1 || taken === parts.length) {
        return true;
    }
    return index === 0 && taken > 0;
}

/** Return the text of a file with only the taken parts of its change. */
export function applyTaken(file: ProposedFile, taken: ReadonlySet<string>): string {
    const hunks = file.hunks ?? [];
    const kept = hunks.filter((one) => taken.has(one.id));
    if (kept.length === hunks.length) {
        return file.after;
    }
    const [before, after] = [splitLines(file.before), splitLines(file.after)];
    const pieces: string[] = [];
    let reached = 0;
    for (const { before: old, after: replaced } of kept) {
        pieces.push(...before.slice(reached, old[0]), ...after.slice(replaced[0], replaced[1]));
        reached = old[1];
    }
    return [...pieces, ...before.slice(reached)].join('');
}

/** Split a text into lines with their line endings, which are those of LSP. */
function splitLines(text: string): string[] {
    return text.match(/[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$/g) ?? [];
}

function describePlace(file: ProposedFile, { before: [start, end] }: Hunk): string {
    switch (file.action) {
        case 'create':
            return 'new file';
        case 'delete':
            return 'file is deleted';
        case 'rename':
            return 'file is renamed';
        case 'change':
            if (start === end) {
                return start === 0 ? 'before line 1' : `after line ${start}`;
            }
            return end - start === 1 ? `line ${end}` : `lines ${start + 1}-${end}`;
    }
}

function cutLines(lines: readonly string[]): readonly string[] {
    const more = lines.length - MAX_LINES;
    return more > 0 ? [...lines.slice(0, MAX_LINES), `… ${more} more lines`] : lines;
}
