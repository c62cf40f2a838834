// The state of the chat view and how each message changes it. Pure: the extension and the page of the view run the same
// function, so that the page can be closed and opened again while an agent works. Start at `reduce`.

import type { Mode, PlanStep, TeamEvent, Thumb } from './chatEvents';
import { countTaken, type Part } from './parts';

/** An entry of the conversation as it is shown. */
export type Item =
    | { readonly kind: 'person'; readonly id: number; readonly text: string }
    | {
          readonly kind: 'answer';
          readonly id: number;
          readonly agent: string;
          readonly text: string;
          /** The number of the entry in the session, by which feedback names it; 0 while it is not stored. */
          readonly number: number;
          readonly thumb: Thumb | '';
      }
    | {
          readonly kind: 'call';
          readonly id: number;
          readonly agent: string;
          readonly call: string;
          readonly title: string;
          readonly text: string;
          readonly status: 'running' | 'done' | 'failed';
          readonly seconds: number;
      }
    | { readonly kind: 'note'; readonly id: number; readonly text: string };

export type Phase = 'off' | 'idle' | 'working' | 'stopping';

export interface RoleFacts {
    readonly name: string;
    readonly title: string;
    readonly description: string;
}

/** A question of the gate that a person has to answer. */
export interface OpenQuestion {
    readonly title: string;
    readonly detail: string;
    readonly answers: readonly string[];
    /** Whether there are changes of files to look at. */
    readonly hasChanges: boolean;
    /** The parts of which some can be taken and others left; none if the question is answered as a whole. */
    readonly parts: readonly Part[];
}

/** A step of a plan that waits for a person's yes. */
export interface ProposedStep {
    readonly title: string;
    readonly role: string;
}

/** The question whether a plan may start. */
export interface PlanQuestion {
    readonly id: number;
    readonly title: string;
    readonly steps: readonly ProposedStep[];
    readonly roles: readonly string[];
    readonly problem: string;
}

/** The steps to start with, or what should be different. */
export type PlanAnswer = { readonly steps: readonly ProposedStep[] } | { readonly remark: string };

export interface Totals {
    readonly tokens: number;
    readonly cost: number;
    readonly seconds: number;
}

export interface ChatState {
    readonly phase: Phase;
    readonly session: string;
    readonly title: string;
    readonly mode: Mode;
    /** The chosen role; "" lets the router choose. */
    readonly role: string;
    readonly roles: readonly RoleFacts[];
    /** The agent that works, or worked last. */
    readonly agent: string;
    readonly items: readonly Item[];
    readonly plan: readonly PlanStep[];
    readonly totals: Totals;
    readonly question: OpenQuestion | null;
    readonly planQuestion: PlanQuestion | null;
    readonly nextId: number;
}

export const EMPTY: ChatState = {
    phase: 'off',
    session: '',
    title: '',
    mode: 'plan',
    role: '',
    roles: [],
    agent: '',
    items: [],
    plan: [],
    totals: { tokens: 0, cost: 0, seconds: 0 },
    question: null,
    planQuestion: null,
    nextId: 1,
};

/** An item without its id. */
export type Draft = Item extends infer One ? (One extends Item ? Omit<One, 'id'> : never) : never;

export type Action =
    | { readonly type: 'state'; readonly state: ChatState }
    | { readonly type: 'server'; readonly running: boolean }
    | { readonly type: 'roles'; readonly roles: readonly RoleFacts[] }
    | { readonly type: 'chosen'; readonly mode: Mode; readonly role: string }
    | { readonly type: 'asked'; readonly text: string }
    | { readonly type: 'event'; readonly event: TeamEvent }
    | { readonly type: 'stopping' }
    | ({ readonly type: 'ended'; readonly status: string; readonly text: string } & Totals)
    | { readonly type: 'named'; readonly session: string; readonly title: string }
    | {
          readonly type: 'opened';
          readonly session: string;
          readonly title: string;
          readonly role: string;
          readonly items: readonly Draft[];
          readonly plan: readonly PlanStep[];
      }
    | { readonly type: 'closed' }
    | { readonly type: 'question'; readonly question: OpenQuestion | null }
    | { readonly type: 'taken'; readonly parts: readonly string[] }
    | { readonly type: 'planQuestion'; readonly question: PlanQuestion | null }
    | { readonly type: 'stored'; readonly item: number; readonly number: number }
    | { readonly type: 'thumb'; readonly item: number; readonly thumb: Thumb | '' };

const MAX_ITEMS = 1000; // older ones stay in the session, but not on the screen
const LONGEST_ANSWER = 500_000; // characters

export function reduce(state: ChatState, action: Action): ChatState {
    switch (action.type) {
        case 'state':
            return action.state;
        case 'server':
            return action.running
                ? { ...state, phase: state.phase === 'off' ? 'idle' : state.phase }
                : { ...endCalls(state), phase: 'off', question: null, planQuestion: null };
        case 'roles':
            return { ...state, roles: action.roles };
        case 'chosen':
            return { ...state, mode: action.mode, role: action.role };
        case 'asked':
            return addItem({ ...state, phase: 'working', agent: '' }, { kind: 'person', text: action.text });
        case 'event':
            return handleEvent(state, action.event);
        case 'stopping':
            return state.phase === 'working' ? { ...state, phase: 'stopping' } : state;
        case 'ended':
            return endTurn(state, action);
        case 'named':
            return { ...state, session: action.session, title: action.title };
        case 'opened':
            return openSession(state, action);
        case 'closed':
            return { ...EMPTY, phase: state.phase, mode: state.mode, role: state.role, roles: state.roles };
        case 'question':
            return { ...state, question: action.question };
        case 'taken':
            return takeParts(state, action.parts);
        case 'planQuestion':
            return { ...state, planQuestion: action.question };
        case 'stored':
            return changeAnswer(state, action.item, { number: action.number });
        case 'thumb':
            return changeAnswer(state, action.item, { thumb: action.thumb });
    }
}

function addItem(state: ChatState, item: Draft): ChatState {
    const items = [...state.items, { ...item, id: state.nextId }].slice(-MAX_ITEMS);
    return { ...state, items, nextId: state.nextId + 1 };
}

function handleEvent(state: ChatState, event: TeamEvent): ChatState {
    switch (event.kind) {
        case 'session':
            return { ...state, session: event.session, title: event.title };
        case 'agent': {
            const text = event.why === '' ? event.agent : `${event.agent}: ${event.why}`;
            return addItem({ ...state, agent: event.agent }, { kind: 'note', text });
        }
        case 'text':
            return appendText(state, event.agent, event.text);
        case 'call':
            return addItem(state, {
                kind: 'call',
                agent: event.agent,
                call: event.call,
                title: event.title || event.tool,
                text: '',
                status: 'running',
                seconds: 0,
            });
        case 'result':
            return {
                ...state,
                items: state.items.map((one) =>
                    one.kind === 'call' && one.call === event.call && one.status === 'running'
                        ? {
                              ...one,
                              text: event.cut ? `${event.text}\n…` : event.text,
                              status: event.failed ? ('failed' as const) : ('done' as const),
                              seconds: event.seconds,
                          }
                        : one,
                ),
            };
        case 'plan':
            return { ...state, plan: event.steps };
        case 'note':
            return addItem(state, { kind: 'note', text: event.text });
    }
}

/** Append a piece of text to the answer of `agent` that is at the end; without one, a new answer begins. */
function appendText(state: ChatState, agent: string, text: string): ChatState {
    const last = state.items.at(-1);
    if (last?.kind !== 'answer' || last.agent !== agent || last.number !== 0) {
        return text.trim() === '' ? state : addItem(state, { kind: 'answer', agent, text, number: 0, thumb: '' });
    }
    return replaceItem(state, { ...last, text: (last.text + text).slice(0, LONGEST_ANSWER) });
}

/** End the turn: a final answer that did not stream, or the reason why there is none, is shown, too. */
function endTurn(state: ChatState, ended: { status: string; text: string } & Totals): ChatState {
    const { totals } = state;
    const next: ChatState = {
        ...endCalls(state),
        phase: state.phase === 'off' ? 'off' : 'idle',
        planQuestion: null,
        totals: {
            tokens: totals.tokens + ended.tokens,
            cost: totals.cost + ended.cost,
            seconds: totals.seconds + ended.seconds,
        },
    };
    if (ended.text.trim() === '') {
        return next;
    }
    if (ended.status !== 'done') {
        return addItem(next, { kind: 'note', text: ended.text });
    }
    const since = next.items.slice(next.items.findLastIndex((one) => one.kind === 'person') + 1);
    const shown = since.some((one) => one.kind === 'answer' && one.text.trim() === ended.text.trim());
    return shown ? next : addItem(next, { kind: 'answer', agent: state.agent, text: ended.text, number: 0, thumb: '' });
}

/** Mark calls that are still running as failed: their results will not come any more. */
function endCalls(state: ChatState): ChatState {
    const items = state.items.map((one) =>
        one.kind === 'call' && one.status === 'running' ? { ...one, status: 'failed' as const } : one,
    );
    return { ...state, items };
}

function openSession(state: ChatState, action: Extract<Action, { type: 'opened' }>): ChatState {
    const { session, title, plan } = action;
    const empty: ChatState = {
        ...reduce(state, { type: 'closed' }),
        session,
        title,
        plan,
        role: action.role || state.role,
    };
    return action.items.slice(-MAX_ITEMS).reduce((next, item) => addItem(next, item), empty);
}

/** Mark the parts of the open question whose ids are in `ids` as taken, and all others as left out. */
function takeParts(state: ChatState, ids: readonly string[]): ChatState {
    if (state.question === null) {
        return state;
    }
    const parts = state.question.parts.map((one) => ({ ...one, taken: ids.includes(one.id) }));
    return { ...state, question: { ...state.question, parts } };
}

function changeAnswer(state: ChatState, id: number, change: { number: number } | { thumb: Thumb | '' }): ChatState {
    const found = state.items.find((one) => one.id === id);
    return found?.kind === 'answer' ? replaceItem(state, { ...found, ...change }) : state;
}

function replaceItem(state: ChatState, item: Item): ChatState {
    return { ...state, items: state.items.map((one) => (one.id === item.id ? item : one)) };
}

/** Return what the team is doing, in a few words; "" if it does nothing. */
export function formatProgress({ phase, agent, question, planQuestion }: ChatState): string {
    if (phase === 'stopping') {
        return 'Stopping…';
    }
    const who = agent || 'The team';
    const waits = question !== null || planQuestion !== null;
    return phase === 'working' ? `${who} ${waits ? 'waits for your answer.' : 'is working…'}` : '';
}

/** Format tokens, cost and time of a session in one line; "" before its first turn. */
export function formatTotals({ tokens, cost, seconds }: Totals): string {
    if (tokens === 0 && seconds === 0) {
        return '';
    }
    const price = cost > 0 ? [`cost ${cost.toLocaleString('en', { maximumFractionDigits: 4 })}`] : [];
    const time =
        seconds >= 60 ? `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s` : `${seconds.toFixed(1)} s`;
    return [`${tokens.toLocaleString('en')} tokens`, ...price, time].join(', ');
}

/** Return what a screen reader announces after `action`; "" for nothing. Text that streams in is announced at its end. */
export function announce(action: Action, after: ChatState): string {
    switch (action.type) {
        case 'event':
            switch (action.event.kind) {
                case 'agent':
                    return `${action.event.agent} is working.`;
                case 'call':
                    return action.event.title || action.event.tool;
                case 'result':
                    return action.event.failed ? 'The call failed.' : '';
                case 'plan':
                    return `The plan has ${action.event.steps.length} steps.`;
                case 'note':
                    return action.event.text;
                default:
                    return '';
            }
        case 'question':
            return action.question === null ? '' : `A question: ${action.question.title}`;
        case 'taken': {
            const parts = after.question?.parts ?? [];
            return parts.length === 0 ? '' : `${countTaken(parts)} of ${parts.length} parts are taken.`;
        }
        case 'planQuestion':
            return action.question === null ? '' : announcePlan(action.question);
        case 'ended': {
            const last = after.items.findLast((one) => one.kind === 'answer' || one.kind === 'note');
            return last?.text ?? '';
        }
        case 'stopping':
            return 'Stopping.';
        default:
            return '';
    }
}

function announcePlan({ title, steps, problem }: PlanQuestion): string {
    const count = steps.length === 1 ? '1 step' : `${steps.length} steps`;
    return problem === '' ? `A plan with ${count} waits for your answer: ${title}` : problem;
}

/** Return `steps` with the one at `index` moved by `by` places; unchanged if it would leave the list. */
export function moveStep(steps: readonly ProposedStep[], index: number, by: number): readonly ProposedStep[] {
    const target = index + by;
    const moved = steps[index];
    if (moved === undefined || target < 0 || target >= steps.length) {
        return steps;
    }
    const rest = steps.filter((_, at) => at !== index);
    return [...rest.slice(0, target), moved, ...rest.slice(target)];
}
