// The form with a plan that waits for a person's yes: each step has a role and a text, and can be moved and removed.
// Start at `PlanForm.show`.

import { readFields, readList, readNumber, readText, type ViewRequest } from '../src/chatEvents';
import { moveStep, type PlanQuestion, type ProposedStep } from '../src/chatState';
import { create, createButton, find } from './elements';

/** The plan as the person has edited it so far. */
export interface PlanDraft {
    readonly id: number;
    readonly steps: readonly ProposedStep[];
    readonly remark: string;
}

/** Return a draft that the page has kept; null for a value of another form. */
export function readDraft(given: unknown): PlanDraft | null {
    const { id, steps, remark } = readFields(given);
    const read = readList(steps).map(readFields);
    const written = read.map(({ title, role }) => ({ title: readText(title), role: readText(role) }));
    return readNumber(id) === 0 ? null : { id: readNumber(id), steps: written, remark: readText(remark) };
}

export class PlanForm {
    private readonly section = find('proposal');
    private readonly title = find('proposal-title');
    private readonly problem = find('proposal-problem');
    private readonly list = find('proposal-steps');
    private readonly remark = find<HTMLInputElement>('proposal-remark');
    private readonly add = find('proposal-add');
    private roles: readonly string[] = [];

    /** Prepare the form; `post` sends the answer, `keep` stores the draft, `announce` is for screen readers. */
    constructor(
        public draft: PlanDraft | null,
        post: (request: ViewRequest) => void,
        private readonly keep: () => void,
        private readonly announce: (text: string) => void,
    ) {
        this.add.addEventListener('click', () => this.addStep());
        this.remark.addEventListener('input', () => this.change({ remark: this.remark.value }));
        find('proposal-start').addEventListener('click', () => {
            if (this.draft !== null) {
                post({ type: 'startPlan', id: this.draft.id, steps: this.draft.steps });
            }
        });
        find('proposal-refuse').addEventListener('click', () => {
            if (this.draft !== null) {
                post({ type: 'refusePlan', id: this.draft.id, remark: this.draft.remark });
            }
        });
    }

    /** Show a plan with the changes that the person has made already; hide the form for null. */
    show(asked: PlanQuestion | null): void {
        this.section.hidden = asked === null;
        if (asked === null) {
            this.draft = null;
        } else if (this.draft?.id !== asked.id) {
            this.draft = { id: asked.id, steps: asked.steps, remark: '' };
        }
        this.keep();
        this.roles = asked?.roles ?? [];
        this.title.textContent = `Start this plan? ${asked?.title ?? ''}`;
        this.problem.textContent = asked?.problem ?? '';
        this.remark.value = this.draft?.remark ?? '';
        this.drawSteps();
    }

    private get steps(): readonly ProposedStep[] {
        return this.draft?.steps ?? [];
    }

    private drawSteps(): void {
        this.list.replaceChildren(...this.steps.map((step, index) => this.createStep(step, index)));
    }

    private createStep(step: ProposedStep, index: number): HTMLElement {
        const number = index + 1;
        const text = create('input');
        text.type = 'text';
        text.value = step.title;
        text.setAttribute('aria-label', `Step ${number}`);
        text.addEventListener('input', () => this.changeStep(index, { title: text.value }));
        const up = createButton('↑', `Move step ${number} up`, () => this.move(index, -1));
        const down = createButton('↓', `Move step ${number} down`, () => this.move(index, 1));
        const remove = createButton('×', `Remove step ${number}`, () => this.removeStep(index));
        up.disabled = index === 0;
        down.disabled = number === this.steps.length;
        for (const button of [up, down, remove]) {
            button.className = 'second';
        }
        const row = create('div', { className: 'row' }, [text, this.createRoles(step, index), up, down, remove]);
        return create('li', {}, [row]);
    }

    private createRoles(step: ProposedStep, index: number): HTMLSelectElement {
        const select = create('select');
        select.setAttribute('aria-label', `Role of step ${index + 1}`);
        const names = this.roles.includes(step.role) ? this.roles : [...this.roles, step.role];
        for (const name of names) {
            const option = create('option', { text: name });
            option.value = name;
            select.append(option);
        }
        select.value = step.role;
        select.addEventListener('change', () => this.changeStep(index, { role: select.value }));
        return select;
    }

    private move(index: number, by: 1 | -1): void {
        this.change({ steps: moveStep(this.steps, index, by) });
        this.drawSteps();
        const [up, down] = this.list.children[index + by]?.querySelectorAll('button') ?? [];
        const wanted = by < 0 ? up : down;
        (wanted?.disabled ? (by < 0 ? down : up) : wanted)?.focus();
        this.announce(`It is step ${index + by + 1} now.`);
    }

    private addStep(): void {
        this.change({ steps: [...this.steps, { title: '', role: this.roles[0] ?? '' }] });
        this.drawSteps();
        this.focusStep(this.steps.length - 1);
    }

    private removeStep(index: number): void {
        this.change({ steps: this.steps.filter((_, at) => at !== index) });
        this.drawSteps();
        this.focusStep(Math.min(index, this.steps.length - 1));
        this.announce(`Step ${index + 1} is removed.`);
    }

    /** Put the cursor into the text of a step; on the button that adds one if there is no such step. */
    private focusStep(index: number): void {
        (this.list.children[index]?.querySelector('input') ?? this.add).focus();
    }

    /** Store a change of a step, which the form shows already. */
    private changeStep(index: number, change: Partial<ProposedStep>): void {
        this.change({ steps: this.steps.map((one, at) => (at === index ? { ...one, ...change } : one)) });
    }

    private change(change: Partial<PlanDraft>): void {
        this.draft = this.draft && { ...this.draft, ...change };
        this.keep();
    }
}
