// Parses Markdown into a tree of allowed elements, from which the chat view builds its page. Text stays text: HTML is shown
// as it is written, an image becomes its description, and only links to web pages are links. Start at `parseMarkdown`.

export type Tag =
    | 'a'
    | 'blockquote'
    | 'br'
    | 'code'
    | 'del'
    | 'em'
    | 'h3'
    | 'h4'
    | 'h5'
    | 'hr'
    | 'li'
    | 'ol'
    | 'p'
    | 'pre'
    | 'strong'
    | 'table'
    | 'tbody'
    | 'td'
    | 'th'
    | 'thead'
    | 'tr'
    | 'ul';

export interface Element {
    readonly tag: Tag;
    readonly children: readonly Node[];
    /** The address of a link. */
    readonly href?: string;
    /** The number of the first item of an ordered list. */
    readonly start?: number;
}

export type Node = string | Element;

const DEEPEST = 12; // quotes and lists within each other; deeper ones are shown as text
const LONGEST_INLINE = 20_000; // characters of a paragraph with emphasis and links; a longer one is shown as text
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

function createElement(tag: Tag, children: readonly Node[]): Element {
    return { tag, children };
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

const PUNCTUATION = /[!-/:-@[-`{-~]/;
const PAIRS: readonly (readonly [string, Tag])[] = [
    ['**', 'strong'],
    ['__', 'strong'],
    ['~~', 'del'],
    ['*', 'em'],
    ['_', 'em'],
];

/** Parse emphasis, code, links and line breaks; `depth` counts the elements around `text`. */
export function parseInline(text: string, depth = 0): Node[] {
    if (text.length > LONGEST_INLINE || depth > DEEPEST) {
        return text === '' ? [] : [text];
    }
    const found: Node[] = [];
    let plain = '';
    const add = (node: Node) => {
        if (plain !== '') {
            found.push(plain);
            plain = '';
        }
        found.push(node);
    };
    let at = 0;
    while (at < text.length) {
        const inline = parseElement(text, at, depth);
        if (inline === undefined) {
            const escaped = text[at] === '\\' && PUNCTUATION.test(text[at + 1] ?? '');
            plain += escaped ? text[at + 1] : text[at];
            at += escaped ? 2 : 1;
        } else {
            if (typeof inline.node === 'string') {
                plain += inline.node;
            } else {
                add(inline.node);
            }
            at = inline.next;
        }
    }
    return plain === '' ? found : [...found, plain];
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: '\u00a0' };

/** Parse a character that is written as an entity, such as `&lt;`; undefined for one that is not known. */
function parseEntity(text: string, at: number): { node: Node; next: number } | undefined {
    const found = /^&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([a-z]{2,4}));/.exec(text.slice(at, at + 12));
    if (found === null) {
        return undefined;
    }
    const [all, decimal, hexadecimal, name] = found;
    const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number.parseInt(decimal, 10);
    const isCharacter = code > 0 && code <= 0x10ffff;
    const character = name === undefined ? isCharacter && String.fromCodePoint(code) : ENTITIES[name];
    return character ? { node: character, next: at + all.length } : undefined;
}

/** Parse the element that begins at `at`; undefined if none does. */
function parseElement(text: string, at: number, depth: number): { node: Node; next: number } | undefined {
    switch (text[at]) {
        case '\n': {
            const broken = text.slice(0, at).endsWith('  ') || text[at - 1] === '\\';
            return broken ? { node: createElement('br', []), next: at + 1 } : undefined;
        }
        case '&':
            return parseEntity(text, at);
        case '`':
            return parseCode(text, at);
        case '!':
            return text[at + 1] === '[' ? parseImage(text, at) : undefined;
        case '[':
            return parseLink(text, at, depth);
        case '<':
        case 'h':
            return parseAddress(text, at);
        case '*':
        case '_':
        case '~':
            return parsePair(text, at, depth);
        default:
            return undefined;
    }
}

function parseCode(text: string, at: number): { node: Node; next: number } {
    const ticks = /^`+/.exec(text.slice(at, at + 100))?.[0] ?? '`';
    let end = text.indexOf(ticks, at + ticks.length);
    while (end !== -1 && (text[end - 1] === '`' || text[end + ticks.length] === '`')) {
        end = text.indexOf(ticks, end + 1);
    }
    if (end === -1) {
        return { node: ticks, next: at + ticks.length };
    }
    const code = text.slice(at + ticks.length, end).replaceAll('\n', ' ');
    const padded = /^ .*[^ ].* $/.test(code);
    return { node: createElement('code', [padded ? code.slice(1, -1) : code]), next: end + ticks.length };
}

/** Parse an image as its description and address in words: nothing is loaded. */
function parseImage(text: string, at: number): { node: Node; next: number } | undefined {
    const target = parseTarget(text, at + 1);
    return target && { node: `[image: ${target.label || 'no description'}, ${target.address}]`, next: target.next };
}

/** Parse a link; one to anything but a web page becomes its label with the address in words. */
function parseLink(text: string, at: number, depth: number): { node: Node; next: number } | undefined {
    const target = parseTarget(text, at);
    if (target === undefined) {
        return undefined;
    }
    const href = checkAddress(target.address);
    if (href === undefined) {
        return { node: `${target.label} (${target.address})`, next: target.next };
    }
    const label = parseInline(target.label, depth + 1).map((one) => removeLinks(one));
    return { node: { tag: 'a', children: label.length > 0 ? label : [href], href }, next: target.next };
}

/** Replace the links within `node` by their labels, since a link cannot contain another one. */
function removeLinks(node: Node): Node {
    if (typeof node === 'string') {
        return node;
    }
    const children = node.children.map((one) => removeLinks(one));
    return node.tag === 'a' ? createElement('strong', children) : { ...node, children };
}

interface Target {
    readonly label: string;
    readonly address: string;
    readonly next: number;
}

/** Parse `[label](address "title")` at `at`. */
function parseTarget(text: string, at: number): Target | undefined {
    const end = text.indexOf('](', at);
    if (end === -1 || end - at > 2000) {
        return undefined;
    }
    const label = text.slice(at + 1, end);
    const rest =
        /^\(\s*<?([^\s<>()]{0,2000}(?:\([^\s<>()]{0,500}\)[^\s<>()]{0,500})?)>?(?:\s+"[^"]{0,500}")?\s*\)/.exec(
            text.slice(end + 1, end + 4000),
        );
    if (rest === null || /\[[^\]]*$/.test(label)) {
        return undefined;
    }
    return { label, address: rest[1] ?? '', next: end + 1 + rest[0].length };
}

/** Parse an address without a label: `<https://…>`, or one within the text. */
function parseAddress(text: string, at: number): { node: Node; next: number } | undefined {
    const open = text[at] === '<';
    const before = text[at - 1] ?? ' ';
    if (!open && /[\w/]/.test(before)) {
        return undefined;
    }
    const [found] = /^https?:\/\/[^\s<>`*"]{1,2000}/.exec(text.slice(at + (open ? 1 : 0), at + 2010)) ?? [];
    const address = open ? found : found?.replace(/[.,:;!?)\]'_~]+$/, '');
    const href = address && checkAddress(address);
    if (!href || (open && text[at + 1 + address.length] !== '>')) {
        return undefined;
    }
    return { node: { tag: 'a', children: [address], href }, next: at + address.length + (open ? 2 : 0) };
}

/** Return the complete address of a web page; undefined for any other address. */
export function checkAddress(address: string): string | undefined {
    if (!/^https?:\/\//i.test(address)) {
        return undefined;
    }
    try {
        return new URL(address).href;
    } catch {
        return undefined;
    }
}

function parsePair(text: string, at: number, depth: number): { node: Node; next: number } | undefined {
    for (const [sign, tag] of PAIRS) {
        if (!text.startsWith(sign, at) || /[\s]/.test(text[at + sign.length] ?? ' ')) {
            continue;
        }
        if (sign[0] === '_' && /\w/.test(text[at - 1] ?? ' ')) {
            continue; // some_name
        }
        const end = findEnd(text, at + sign.length, sign);
        if (end !== undefined) {
            const inner = parseInline(text.slice(at + sign.length, end), depth + 1);
            return { node: createElement(tag, inner), next: end + sign.length };
        }
    }
    const run = /^[*_~]+/.exec(text.slice(at, at + 1000))?.[0] ?? '';
    return { node: run, next: at + run.length };
}

/** Return where the emphasis that begins before `from` ends; undefined if it does not end. */
function findEnd(text: string, from: number, sign: string): number | undefined {
    for (let end = text.indexOf(sign, from + 1); end !== -1; end = text.indexOf(sign, end + 1)) {
        const after = text[end + sign.length] ?? ' ';
        const longer = sign.length === 1 && (after === sign || text[end - 1] === sign);
        const within = sign[0] === '_' && /\w/.test(after);
        if (!longer && !within && !/\s/.test(text[end - 1] ?? ' ') && text[end - 1] !== '\\') {
            return end;
        }
    }
    return undefined;
}
