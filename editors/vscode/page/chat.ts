// The script of the chat view's page: draws the state, and sends what a person does to the extension. All text of the
// server is set as text, never as HTML. Start at `draw`.

import { type Mode, readFields, readText, type Thumb, type ViewRequest } from '../src/chatEvents';
import {
    type Action,
    announce,
    type ChatState,
    EMPTY,
    formatProgress,
    formatTotals,
    type Item,
    reduce,
} from '../src/chatState';
import { type Node as MarkdownNode, parseMarkdown } from '../src/markdown';
import { create, createButton, find } from './elements';
import { type PlanDraft, PlanForm, readDraft } from './planForm';
import { drawQuestion } from './question';

interface Api {
    postMessage(message: ViewRequest): void;
    getState(): unknown;
    setState(state: Kept): void;
}

declare function acquireVsCodeApi(): Api;

/** What the page keeps while it is hidden; the conversation is kept by the extension. */
interface Kept {
    readonly text: string;
    readonly open: readonly string[];
    readonly top: number | null;
    readonly draft: PlanDraft | null;
}

const DRAW_EVERY_MS = 40;
const SVG = 'http://www.w3.org/2000/svg';
const THUMB =
    'M1.5 7h2.8v7H1.5z M5.5 13.6V7.2L8.4 1.5c1.2 0 1.9.8 1.6 1.9L9.3 6h3.9c.9 0 1.5.8 1.3 1.7l-1.2 5c-.2.8-.8 1.3-1.6 1.3H6.5z';

const api = acquireVsCodeApi();
const kept = readKept(api.getState());
const openCalls = new Set(kept.open);
let state: ChatState = EMPTY;
let drawn: ChatState | undefined;
let frame = 0;
let scrolled = kept.top;
const shown = new Map<number, { item: Item; element: HTMLElement }>();
const written = new WeakMap<Element, readonly string[]>(); // the blocks of each answer, as JSON

const title = find('title');
const log = find('log');
const plan = find('plan');
const steps = find('steps');
const form = find<HTMLFormElement>('form');
const input = find<HTMLTextAreaElement>('input');
const mode = find<HTMLSelectElement>('mode');
const role = find<HTMLSelectElement>('role');
const send = find<HTMLButtonElement>('send');
const stop = find<HTMLButtonElement>('stop');
const start = find<HTMLButtonElement>('start');
const totals = find('totals');
const announcer = find('announcer');
const planForm = new PlanForm(kept.draft, post, keep, (text) => {
    announcer.textContent = text;
});

function readKept(given: unknown): Kept {
    const { text, open, top, draft } = readFields(given);
    return {
        text: readText(text),
        open: Array.isArray(open) ? open.map(readText) : [],
        top: typeof top === 'number' ? top : null,
        draft: readDraft(draft),
    };
}

function keep(): void {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    scrolled = atEnd ? null : log.scrollTop;
    api.setState({ text: input.value, open: [...openCalls].slice(-200), top: scrolled, draft: planForm.draft });
}

function post(request: ViewRequest): void {
    api.postMessage(request);
}

/** Build the elements of a parsed text; the tags are those of `Tag`, the only attributes a link's and a list's. */
function build(node: MarkdownNode): Node {
    if (typeof node === 'string') {
        return document.createTextNode(node);
    }
    const element = create(node.tag, {}, node.children.map(build));
    if (element instanceof HTMLAnchorElement && node.href !== undefined) {
        element.href = node.href;
        element.title = node.href;
    }
    if (element instanceof HTMLOListElement && node.start !== undefined) {
        element.start = node.start;
    }
    if (element instanceof HTMLPreElement) {
        element.tabIndex = 0; // so that the keyboard can scroll it
    }
    return element;
}

function createItem(item: Item): HTMLElement {
    switch (item.kind) {
        case 'person':
            return create('article', { className: 'person' }, [
                create('span', { className: 'unseen', text: 'You: ' }),
                document.createTextNode(item.text),
            ]);
        case 'note':
            return create('p', { className: 'note', text: item.text });
        case 'answer':
            return create('article', { className: 'answer' }, [
                create('p', { className: 'by', text: item.agent }),
                writeText(create('div', { className: 'text' }), item.text),
                ...(item.number === 0 ? [] : [createThumbs(item)]),
            ]);
        case 'call':
            return createCall(item);
    }
}

/** Show Markdown in `element`; blocks that are the same as before stay, and with them what a person has selected. */
function writeText(element: HTMLElement, text: string): HTMLElement {
    const blocks = parseMarkdown(text);
    const keys = blocks.map((block) => JSON.stringify(block));
    const before = written.get(element) ?? [];
    const changed = keys.findIndex((key, index) => key !== before[index]);
    const same = changed === -1 ? keys.length : changed;
    while (element.childNodes.length > same) {
        element.lastChild?.remove();
    }
    element.append(...blocks.slice(same).map(build));
    written.set(element, keys);
    return element;
}

/** Show the text of a streamed answer in the element of the answer; return whether nothing else of it has changed. */
function continueText(element: HTMLElement, before: Item, item: Item): boolean {
    const text = element.querySelector<HTMLElement>('.text');
    if (before.kind !== 'answer' || item.kind !== 'answer' || text === null) {
        return false;
    }
    if (before.number !== item.number || before.thumb !== item.thumb) {
        return false;
    }
    writeText(text, item.text);
    return true;
}

function createThumbs(item: Extract<Item, { kind: 'answer' }>): HTMLElement {
    const buttons = (['up', 'down'] as const).map((thumb) => {
        const pressed = item.thumb === thumb;
        const label = thumb === 'up' ? 'This answer is good' : 'This answer is bad';
        const button = createButton('', label, () =>
            post({ type: 'thumb', item: item.id, thumb: pressed ? '' : thumb }),
        );
        button.append(drawThumb(thumb));
        button.setAttribute('aria-pressed', String(pressed));
        button.dataset.focus = `${item.id} ${thumb}`;
        return button;
    });
    return create('div', { className: 'thumbs' }, buttons);
}

function drawThumb(thumb: Thumb): SVGElement {
    const drawing = document.createElementNS(SVG, 'svg');
    drawing.setAttribute('viewBox', '0 0 16 16');
    drawing.setAttribute('aria-hidden', 'true');
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', THUMB);
    if (thumb === 'down') {
        path.setAttribute('transform', 'rotate(180 8 8)');
    }
    drawing.append(path);
    return drawing;
}

function createCall(item: Extract<Item, { kind: 'call' }>): HTMLElement {
    const marks = { running: '…', done: '✓', failed: '✗' };
    const words = { running: 'running', done: 'done', failed: 'failed' };
    const details = create('details', { className: item.status });
    const key = `${state.session} ${item.id}`;
    details.open = openCalls.has(key);
    const summary = create('summary', {}, [
        create('span', { text: `${marks[item.status]} ` }),
        create('span', { className: 'unseen', text: `${words[item.status]}: ` }),
        document.createTextNode(item.title),
    ]);
    summary.firstElementChild?.setAttribute('aria-hidden', 'true');
    summary.dataset.focus = `${item.id}`;
    const result = create('pre', { text: item.text === '' ? describeMissing(item.status) : item.text });
    result.tabIndex = 0;
    details.append(summary, result);
    details.addEventListener('toggle', () => {
        openCalls[details.open ? 'add' : 'delete'](key);
        keep();
    });
    return details;
}

function describeMissing(status: string): string {
    return status === 'running' ? 'There is no result yet.' : 'There is no result.';
}

function drawItems(): void {
    const present = new Set(state.items.map((one) => one.id));
    for (const [id, { element }] of shown) {
        if (!present.has(id)) {
            element.remove();
            shown.delete(id);
        }
    }
    for (const item of state.items) {
        const known = shown.get(item.id);
        if (known?.item === item) {
            continue;
        }
        if (known !== undefined && continueText(known.element, known.item, item)) {
            shown.set(item.id, { item, element: known.element });
            continue;
        }
        const element = createItem(item);
        if (known === undefined) {
            log.append(element);
        } else {
            const focused = known.element.contains(document.activeElement) ? document.activeElement : null;
            known.element.replaceWith(element);
            restoreFocus(element, focused);
        }
        shown.set(item.id, { item, element });
    }
}

/** Focus the element in `element` that stands for `focused`, an element of its former content. */
function restoreFocus(element: HTMLElement, focused: Element | null): void {
    const key = focused instanceof HTMLElement ? focused.dataset.focus : undefined;
    for (const one of element.querySelectorAll<HTMLElement>('[data-focus]')) {
        if (key !== undefined && one.dataset.focus === key) {
            one.focus();
        }
    }
}

function drawPlan(): void {
    plan.hidden = state.plan.length === 0;
    const words: Record<string, string> = { open: '', active: ' (now)', done: ' (done)', dropped: ' (dropped)' };
    steps.replaceChildren(
        ...state.plan.map((one) => {
            const known = one.status in words ? one.status : 'open';
            return create('li', { className: known, text: `${one.title}${words[known]}` });
        }),
    );
}

function drawRoles(): void {
    const options = state.roles.map((one) => {
        const option = create('option', { text: one.title });
        option.value = one.name;
        option.title = one.description;
        return option;
    });
    const automatic = create('option', { text: 'Role: automatic' });
    automatic.value = '';
    role.replaceChildren(automatic, ...options);
}

function draw(): void {
    frame = 0;
    const before = drawn;
    const stays = scrolled;
    drawItems();
    if (before?.plan !== state.plan) {
        drawPlan();
    }
    if (before?.question !== state.question) {
        drawQuestion(state.question, post);
    }
    if (before?.planQuestion !== state.planQuestion) {
        planForm.show(state.planQuestion);
    }
    if (before?.roles !== state.roles) {
        drawRoles();
    }
    title.textContent = state.title || 'New session';
    title.title = state.title;
    mode.value = state.mode;
    role.value = state.role;
    const working = state.phase === 'working' || state.phase === 'stopping';
    const hadFocus = document.activeElement === stop || document.activeElement === send;
    log.setAttribute('aria-busy', String(working));
    send.hidden = working || state.phase === 'off';
    stop.hidden = !working;
    stop.disabled = state.phase === 'stopping';
    start.hidden = state.phase !== 'off';
    if (hadFocus) {
        (working ? stop : input).focus();
    }
    totals.textContent = [formatProgress(state), formatTotals(state.totals)].filter((one) => one !== '').join(' ');
    log.scrollTop = stays ?? log.scrollHeight;
    drawn = state;
}

function handleAction(action: Action): void {
    const wasSession = state.session;
    state = reduce(state, action);
    if (action.type === 'asked' || (action.type === 'opened' && action.session !== wasSession)) {
        scrolled = null; // to the end
    }
    if (action.type === 'state' || action.type === 'opened' || action.type === 'closed') {
        log.replaceChildren();
        shown.clear();
    }
    const said = announce(action, state);
    if (said !== '') {
        announcer.textContent = said;
    }
    frame = frame || window.setTimeout(draw, DRAW_EVERY_MS);
}

function submit(): void {
    const text = input.value.trim();
    if (text === '' || state.phase !== 'idle') {
        return;
    }
    post({ type: 'send', text });
    input.value = '';
    keep();
}

window.addEventListener('message', (event: MessageEvent<Action>) => handleAction(event.data));
form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
});
input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        submit();
    }
});
document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !event.isComposing && state.phase === 'working') {
        event.preventDefault();
        post({ type: 'stop' });
    }
});
input.addEventListener('input', keep);
log.addEventListener('scroll', keep);
stop.addEventListener('click', () => post({ type: 'stop' }));
start.addEventListener('click', () => post({ type: 'run', command: 'starling.server.restart' }));
find('new').addEventListener('click', () => post({ type: 'run', command: 'starling.chat.new' }));
find('open').addEventListener('click', () => post({ type: 'run', command: 'starling.chat.open' }));
for (const one of [mode, role]) {
    one.addEventListener('change', () => post({ type: 'choose', mode: mode.value as Mode, role: role.value }));
}
window.addEventListener('focus', () => document.activeElement === document.body && input.focus());
input.value = kept.text;
if (document.hasFocus() && document.activeElement === document.body) {
    input.focus(); // the view got the focus before this script ran
}
post({ type: 'ready' });
