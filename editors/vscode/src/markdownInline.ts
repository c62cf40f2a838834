// Parses emphasis, code, links and the other elements within a line of Markdown, and has the tree's types. Only links to web
// pages are links, and an image becomes its description. Start at `parseInline`.

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

const DEEPEST = 12; // elements within each other; deeper ones are shown as text
const LONGEST_INLINE = 20_000; // characters of a paragraph with emphasis and links; a longer one is shown as text

export function createElement(tag: Tag, children: readonly Node[]): Element {
    return { tag, children };
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
