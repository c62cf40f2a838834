// Turns the entries of a stored session into items of the chat view, and finds the entries of answers that were streamed.
// Start at `convertHistory`.

import type { Draft, Item } from './chatState';

export interface Entry {
    readonly number: number;
    readonly kind: string;
    readonly by: string;
    readonly text: string;
    readonly calls: readonly string[];
    readonly feedback: { readonly thumb: 'up' | 'down' } | null;
}

const LONGEST_RESULT = 4000; // characters, as the server cuts results that it streams

/** Return the items that show `entries`; a call without a stored result counts as failed. */
export function convertHistory(entries: readonly Entry[]): Draft[] {
    const items: Draft[] = [];
    let open: number[] = []; // indices of calls whose results follow, in their order
    for (const entry of entries) {
        if (entry.kind === 'result') {
            const [index] = open;
            const call = index === undefined ? undefined : items[index];
            if (index !== undefined && call?.kind === 'call') {
                items[index] = { ...call, text: cut(entry.text), status: 'done' };
            }
            open = open.slice(1);
            continue;
        }
        if (entry.kind === 'person') {
            items.push({ kind: 'person', text: entry.text });
        } else if (entry.kind === 'agent') {
            if (entry.text.trim() !== '') {
                const { by: agent, text, number, feedback } = entry;
                items.push({ kind: 'answer', agent, text, number, thumb: feedback?.thumb ?? '' });
            }
            open = entry.calls.map((_, index) => items.length + index);
            for (const title of entry.calls) {
                const call = { agent: entry.by, call: '', title, text: '', seconds: 0 };
                items.push({ kind: 'call', ...call, status: 'failed' });
            }
        } else if (entry.kind === 'note') {
            items.push({ kind: 'note', text: entry.text });
        }
    }
    return items;
}

function cut(text: string): string {
    return text.length > LONGEST_RESULT ? `${text.slice(0, LONGEST_RESULT)}\n…` : text;
}

/** Return, for each answer without a number, the number of its entry; answers of delegates have none. */
export function findNumbers(items: readonly Item[], entries: readonly Entry[]): { item: number; number: number }[] {
    const stored = entries.filter((entry) => entry.kind === 'agent' && entry.text.trim() !== '');
    const found: { item: number; number: number }[] = [];
    let from = 0;
    for (const item of items) {
        if (item.kind !== 'answer' || item.number !== 0) {
            continue;
        }
        const index = stored.findIndex((entry, at) => at >= from && isSame(entry, item));
        const entry = stored[index];
        if (entry !== undefined) {
            found.push({ item: item.id, number: entry.number });
            from = index + 1;
        }
    }
    return found;
}

/**
 * Return whether the item ends with the entry; an answer in several parts has an entry for each. Only letters and digits
 * are compared: the server changes signs of Markdown in what it streams, to make it harmless.
 */
function isSame(entry: Entry, item: Extract<Item, { kind: 'answer' }>): boolean {
    const keep = (text: string) => text.replaceAll(/&(?:lt|gt|amp|#\d+);|[^\p{L}\p{N}]/gu, '');
    const stored = keep(entry.text);
    return entry.by === item.agent && stored !== '' && keep(item.text).endsWith(stored);
}
