// Parses Markdown into a tree of allowed elements, from which the chat view builds its page. Text stays text: HTML is shown
// as it is written, an image becomes its description, and only links to web pages are links. Start at `parseMarkdown`.

import { createElement, type Node, parseInline } from './markdownInline';

export type { Element, Node, Tag } from './markdownInline';

const DEEPEST = 12; // quotes and lists within each other; deeper ones are shown as text
const MAX_COLUMNS = 50;
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*)$/;
const RULE = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?:\s+(.*))?$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;

/** Parse Markdown; the beginning of a text that still streams in is parsed as if it were complete. */
export function parseMarkdown(text: string): Node[] {
    return parseBlocks(text.replaceAll(/\r\n?/g, '\n').replaceAll('\t', '    ').split('\n'), 0);
}

function parseBlocks(lines: readonly string[], depth: number): Node[] {
    const found: Node[] = [];
    let at = 0;
    while (at < lines.length) {
        const line = lines[at] ?? '';
        const block = line.trim() === '' ? { next: at + 1 } : parseBlock(lines, at, depth);
        if (block.node !== undefined) {
            found.push(block.node);
        }
        at = block.next;
    }
    return found;
}

interface Block {
    readonly node?: Node;
    /** The index of the line after the block. */
    readonly next: number;
}

function parseBlock(lines: readonly string[], at: number, depth: number): Block {
    const line = lines[at] ?? '';
    const fence = FENCE.exec(line);
    if (fence !== null) {
        return parseFence(lines, at, fence[1] ?? '```');
    }
    const heading = HEADING.exec(line);
    if (heading !== null) {
        const tag = (['h3', 'h4', 'h5'] as const)[Math.min(heading[1]?.length ?? 1, 3) - 1] ?? 'h5';
        return { node: createElement(tag, parseInline((heading[2] ?? '').replace(/\s#+\s*$/, ''))), next: at + 1 };
    }
    if (RULE.test(line)) {
        return { node: createElement('hr', []), next: at + 1 };
    }
    if (depth < DEEPEST && QUOTE.test(line)) {
        return parseQuote(lines, at, depth);
    }
    if (depth < DEEPEST && ITEM.test(line)) {
        return parseList(lines, at, depth);
    }
    if (line.includes('|') && TABLE_RULE.test(lines[at + 1] ?? '') && (lines[at + 1] ?? '').includes('-')) {
        const table = parseTable(lines, at);
        if (table !== undefined) {
            return table;
        }
    }
    return parseParagraph(lines, at, depth);
}

/** Parse a block of code; one without an end reaches to the end of the text. */
function parseFence(lines: readonly string[], at: number, fence: string): Block {
    const indent = /^ */.exec(lines[at] ?? '')?.[0].length ?? 0;
    let end = at + 1;
    while (end < lines.length && !isFenceEnd(lines[end] ?? '', fence)) {
        end += 1;
    }
    const code = lines.slice(at + 1, end).map((line) => line.replace(new RegExp(`^ {0,${indent}}`), ''));
    return { node: createElement('pre', [createElement('code', [code.join('\n')])]), next: end + 1 };
}

function isFenceEnd(line: string, fence: string): boolean {
    const text = line.trim();
    return text.length >= fence.length && text === (fence[0] ?? '`').repeat(text.length);
}

function parseQuote(lines: readonly string[], at: number, depth: number): Block {
    const inner: string[] = [];
    let end = at;
    for (; end < lines.length; end += 1) {
        const quoted = QUOTE.exec(lines[end] ?? '');
        if (quoted === null) {
            break;
        }
        inner.push(quoted[1] ?? '');
    }
    return { node: createElement('blockquote', parseBlocks(inner, depth + 1)), next: end };
}

function parseList(lines: readonly string[], at: number, depth: number): Block {
    const marker = ITEM.exec(lines[at] ?? '')?.[2] ?? '-';
    const ordered = /\d/.test(marker);
    const items: Node[] = [];
    let end = at;
    while (end < lines.length) {
        const item = ITEM.exec(lines[end] ?? '');
        if (item === null || RULE.test(lines[end] ?? '') || getKind(item[2] ?? '') !== getKind(marker)) {
            break;
        }
        const inner = collectItem(lines, end, item);
        items.push(createElement('li', unwrapParagraph(parseBlocks(inner.lines, depth + 1))));
        end = inner.next;
    }
    const list = createElement(ordered ? 'ol' : 'ul', items);
    return { node: ordered ? { ...list, start: Number.parseInt(marker, 10) } : list, next: end };
}

/** Return the kind of a list by the marker of an item: the bullet, or the sign after the number. */
function getKind(marker: string): string {
    return marker.at(-1) ?? '';
}

/** Collect the lines of a list's item without their indentation, and the index of the line after it. */
function collectItem(lines: readonly string[], at: number, item: RegExpExecArray): { lines: string[]; next: number } {
    const width = (item[1] ?? '').length + (item[2] ?? '').length + 1;
    const found = [item[3] ?? ''];
    let next = at + 1;
    for (; next < lines.length; next += 1) {
        const line = lines[next] ?? '';
        const indent = line.length - line.trimStart().length;
        if (line.trim() === '') {
            const following = lines.slice(next + 1, next + 3).find((one) => one.trim() !== '') ?? '';
            const belongs = following.length - following.trimStart().length >= Math.min(width, 2);
            if (!belongs && !ITEM.test(following)) {
                break;
            }
            found.push('');
        } else if (indent >= Math.min(width, 2)) {
            found.push(line.slice(Math.min(indent, width)));
        } else if (found.at(-1) === '' || startsBlock(line)) {
            break;
        } else {
            found.push(line); // the paragraph of the item goes on
        }
    }
    return { lines: found, next };
}

function startsBlock(line: string): boolean {
    return [FENCE, HEADING, RULE, ITEM, QUOTE].some((one) => one.test(line));
}

/** Return the content of the only paragraph, or of the first one before a list, so that short items have no paragraph. */
function unwrapParagraph(blocks: readonly Node[]): readonly Node[] {
    const [first, ...rest] = blocks;
    const simple = rest.every((one) => typeof one !== 'string' && (one.tag === 'ul' || one.tag === 'ol'));
    return typeof first === 'object' && first.tag === 'p' && simple ? [...first.children, ...rest] : blocks;
}

function parseTable(lines: readonly string[], at: number): Block | undefined {
    const head = splitRow(lines[at] ?? '');
    if (head.length !== splitRow(lines[at + 1] ?? '').length || head.length > MAX_COLUMNS) {
        return undefined;
    }
    const rows: Node[] = [];
    let end = at + 2;
    for (; end < lines.length && (lines[end] ?? '').includes('|'); end += 1) {
        const cells = splitRow(lines[end] ?? '');
        rows.push(
            createElement(
                'tr',
                head.map((_, column) => createElement('td', parseInline(cells[column] ?? ''))),
            ),
        );
    }
    const heads = createElement(
        'tr',
        head.map((cell) => createElement('th', parseInline(cell))),
    );
    return {
        node: createElement('table', [createElement('thead', [heads]), createElement('tbody', rows)]),
        next: end,
    };
}

/** Split the row of a table into its cells; `\|` is a character of a cell. */
function splitRow(line: string): string[] {
    const text = line.trim().replace(/^\|/, '').replace(/\|$/, '');
    return text.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));
}

function parseParagraph(lines: readonly string[], at: number, depth: number): Block {
    let end = at + 1;
    while (
        end < lines.length &&
        (lines[end] ?? '').trim() !== '' &&
        !(depth < DEEPEST && startsBlock(lines[end] ?? ''))
    ) {
        end += 1;
    }
    const text = lines.slice(at, end).map((line) => line.trimStart());
    return { node: createElement('p', parseInline(text.join('\n').trimEnd())), next: end };
}
