// Draws the open question of the chat view: its text, the parts of a proposal with their check boxes, and a button for each
// answer. While the same question is open, check boxes stay in place, and with them the focus. Start at `drawQuestion`.

import type { ViewRequest } from '../src/chatEvents';
import type { OpenQuestion } from '../src/chatState';
import { isPossible, labelAnswer, type Part } from '../src/parts';
import { create, createButton, find } from './elements';

type Post = (request: ViewRequest) => void;

const section = find('question');
const title = find('question-title');
const detail = find('question-detail');
const parts = find('parts');
const answers = find('answers');
let drawn: string | undefined; // the parts that are on the screen, as text

export function drawQuestion(asked: OpenQuestion | null, post: Post): void {
    section.hidden = asked === null;
    title.textContent = asked?.title ?? '';
    detail.textContent = asked?.detail ?? '';
    drawParts(asked?.parts ?? [], post);
    const look = createButton('Look at the Changes', '', () =>
        post({ type: 'run', command: 'starling.proposal.show' }),
    );
    look.className = 'second';
    const shown = asked?.answers ?? [];
    const buttons = shown.map((answer, index) => {
        const known = asked?.parts ?? [];
        const button = createButton(labelAnswer(answer, index, known), '', () => post({ type: 'answer', answer }));
        button.className = index === 0 ? '' : 'second';
        button.disabled = !isPossible(index, shown.length, known);
        return button;
    });
    answers.replaceChildren(...(asked?.hasChanges ? [look] : []), ...buttons);
}

/** Show a group of check boxes for each file; only what is checked changes while the same parts are shown. */
function drawParts(known: readonly Part[], post: Post): void {
    const key = JSON.stringify(known.map(({ taken: _, ...rest }) => rest));
    if (key !== drawn) {
        drawn = key;
        parts.hidden = known.length === 0;
        const files = [...new Set(known.map((one) => one.file))];
        const groups = files.map((file) => {
            const own = known.filter((one) => one.file === file);
            return createGroup(file, own, post);
        });
        parts.replaceChildren(...groups);
    }
    for (const box of parts.querySelectorAll<HTMLInputElement>('input[data-parts]')) {
        const ids = (box.dataset.parts ?? '').split(' ');
        const taken = known.filter((one) => one.taken && ids.includes(one.id)).length;
        box.checked = taken === ids.length;
        box.indeterminate = taken > 0 && taken < ids.length;
        box.closest('.part')?.classList.toggle('left', taken === 0);
    }
}

function createGroup(file: string, own: readonly Part[], post: Post): HTMLElement {
    const ids = own.map((one) => one.id);
    const heading = own.length > 1 ? createBox(file, ids, post) : create('span', { text: file });
    const group = create('fieldset', {}, [create('legend', {}, [heading])]);
    for (const part of own) {
        const label = createBox(part.place, [part.id], post);
        label.querySelector('input')?.setAttribute('aria-label', `${file}, ${part.place}`);
        const children = part.lines.length === 0 ? [label] : [label, createDiff(file, part)];
        group.append(create('div', { className: 'part' }, children));
    }
    return group;
}

function createBox(text: string, ids: readonly string[], post: Post): HTMLLabelElement {
    const box = create('input');
    box.type = 'checkbox';
    box.dataset.parts = ids.join(' ');
    box.addEventListener('change', () => post({ type: 'take', parts: ids, taken: box.checked }));
    return create('label', {}, [box, document.createTextNode(text)]);
}

function createDiff(file: string, part: Part): HTMLElement {
    const classes: Record<string, string> = { '+': 'added', '-': 'removed' };
    const lines = part.lines.map((line) => create('span', { className: classes[line.charAt(0)] ?? '', text: line }));
    const diff = create('pre', {}, lines);
    diff.tabIndex = 0; // so that the keyboard can scroll it
    diff.setAttribute('role', 'group');
    diff.setAttribute('aria-label', `Changes of ${file}, ${part.place}`);
    return diff;
}
