// The events of a turn, as the server streams them, and the requests of the chat view's page. Both come from another
// process, so each is checked before it is used. Start at `readEvent` and `readRequest`.

export interface PlanStep {
    readonly title: string;
    readonly status: string;
}

export type TeamEvent =
    | { readonly kind: 'session'; readonly session: string; readonly title: string }
    | { readonly kind: 'agent'; readonly agent: string; readonly why: string }
    | { readonly kind: 'text'; readonly agent: string; readonly text: string }
    | {
          readonly kind: 'call';
          readonly agent: string;
          readonly call: string;
          readonly tool: string;
          readonly title: string;
      }
    | {
          readonly kind: 'result';
          readonly call: string;
          readonly text: string;
          /** Whether the server left out the end of the text. */
          readonly cut: boolean;
          readonly failed: boolean;
          readonly seconds: number;
      }
    | { readonly kind: 'plan'; readonly steps: readonly PlanStep[] }
    | { readonly kind: 'note'; readonly text: string };

export type Mode = 'plan' | 'act';
export type Thumb = 'up' | 'down';

/** A step of a plan as a person has edited it. */
export interface ViewStep {
    readonly title: string;
    readonly role: string;
}

/** A request of the page to the extension. */
export type ViewRequest =
    | { readonly type: 'ready' }
    | { readonly type: 'send'; readonly text: string }
    | { readonly type: 'stop' }
    | { readonly type: 'choose'; readonly mode: Mode; readonly role: string }
    | { readonly type: 'thumb'; readonly item: number; readonly thumb: Thumb | '' }
    | { readonly type: 'answer'; readonly answer: string }
    | { readonly type: 'take'; readonly parts: readonly string[]; readonly taken: boolean }
    | { readonly type: 'startPlan'; readonly id: number; readonly steps: readonly ViewStep[] }
    | { readonly type: 'refusePlan'; readonly id: number; readonly remark: string }
    | { readonly type: 'run'; readonly command: ViewCommand };

/** The commands that the page may run. */
export const VIEW_COMMANDS = [
    'starling.chat.new',
    'starling.chat.open',
    'starling.proposal.show',
    'starling.server.restart',
] as const;
export type ViewCommand = (typeof VIEW_COMMANDS)[number];

export const LONGEST_REQUEST = 100_000; // characters

type Fields = Readonly<Record<string, unknown>>;

/** Return an event of the server; undefined for JSON of another form, or of a kind that is not known here. */
export function readEvent(given: unknown): TeamEvent | undefined {
    const fields = readFields(given);
    switch (fields.kind) {
        case 'session':
            return { kind: 'session', session: readText(fields.session), title: readText(fields.title) };
        case 'agent':
            return { kind: 'agent', agent: readText(fields.agent), why: readText(fields.why) };
        case 'text':
            return { kind: 'text', agent: readText(fields.agent), text: readText(fields.text) };
        case 'call':
            return {
                kind: 'call',
                agent: readText(fields.agent),
                call: readText(fields.call),
                tool: readText(fields.tool),
                title: readText(fields.title),
            };
        case 'result':
            return {
                kind: 'result',
                call: readText(fields.call),
                text: readText(fields.text),
                cut: fields.cut === true,
                failed: fields.failed === true,
                seconds: readNumber(fields.seconds),
            };
        case 'plan':
            return { kind: 'plan', steps: readSteps(fields.steps) };
        case 'note':
            return { kind: 'note', text: readText(fields.text) };
        default:
            return undefined;
    }
}

export function readSteps(given: unknown): PlanStep[] {
    return readList(given)
        .map(readFields)
        .map(({ title, status }) => ({ title: readText(title), status: readText(status) }));
}

/** Return a request of the page; undefined for a message of another form. */
export function readRequest(given: unknown): ViewRequest | undefined {
    const fields = readFields(given);
    switch (fields.type) {
        case 'ready':
        case 'stop':
            return { type: fields.type };
        case 'send': {
            const text = readText(fields.text).trim().slice(0, LONGEST_REQUEST);
            return text === '' ? undefined : { type: 'send', text };
        }
        case 'choose':
            return { type: 'choose', mode: fields.mode === 'act' ? 'act' : 'plan', role: readText(fields.role) };
        case 'thumb': {
            const thumb = fields.thumb === 'up' || fields.thumb === 'down' ? fields.thumb : '';
            return { type: 'thumb', item: readNumber(fields.item), thumb };
        }
        case 'answer':
            return { type: 'answer', answer: readText(fields.answer) };
        case 'take':
            return { type: 'take', parts: readList(fields.parts).map(readText), taken: fields.taken === true };
        case 'startPlan': {
            const steps = readList(fields.steps).map(readFields);
            const written = steps.map(({ title, role }) => ({ title: readText(title), role: readText(role) }));
            return { type: 'startPlan', id: readNumber(fields.id), steps: written };
        }
        case 'refusePlan': {
            const remark = readText(fields.remark).trim().slice(0, LONGEST_REQUEST);
            return { type: 'refusePlan', id: readNumber(fields.id), remark };
        }
        case 'run': {
            const command = VIEW_COMMANDS.find((one) => one === fields.command);
            return command && { type: 'run', command };
        }
        default:
            return undefined;
    }
}

export function readFields(given: unknown): Fields {
    return typeof given === 'object' && given !== null ? (given as Fields) : {};
}

export function readList(given: unknown): readonly unknown[] {
    return Array.isArray(given) ? given : [];
}

export function readText(given: unknown): string {
    return typeof given === 'string' ? given : '';
}

export function readNumber(given: unknown): number {
    return typeof given === 'number' && Number.isFinite(given) ? given : 0;
}
