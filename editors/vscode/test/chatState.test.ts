import assert from 'node:assert/strict';
import test from 'node:test';
import type { TeamEvent } from '../src/chatEvents';
import {
    type Action,
    announce,
    type ChatState,
    EMPTY,
    formatProgress,
    formatTotals,
    type Item,
    moveStep,
    type PlanQuestion,
    reduce,
} from '../src/chatState';

const READY = reduce(EMPTY, { type: 'server', running: true });
const DONE: Action = { type: 'ended', status: 'done', text: '', tokens: 0, cost: 0, seconds: 0 };

function apply(state: ChatState, ...actions: readonly (Action | TeamEvent)[]): ChatState {
    return actions.reduce<ChatState>(
        (next, one) => reduce(next, 'kind' in one ? { type: 'event', event: one } : one),
        state,
    );
}

function describe(items: readonly Item[]): string[] {
    return items.map((one) => (one.kind === 'call' ? `call ${one.title} ${one.status}` : `${one.kind} ${one.text}`));
}

test('a turn is drawn as it happens', () => {
    const working = apply(
        READY,
        { type: 'asked', text: 'use pi' },
        { kind: 'session', session: 's1', title: 'use pi' },
        { kind: 'agent', agent: 'coder', why: 'it is about code' },
        { kind: 'text', agent: 'coder', text: 'I ' },
        { kind: 'text', agent: 'coder', text: 'look.' },
        { kind: 'call', agent: 'coder', call: 'c1', tool: 'read_file', title: 'Read area.py' },
    );
    assert.equal(working.phase, 'working');
    assert.equal(working.session, 's1');
    assert.deepEqual(describe(working.items), [
        'person use pi',
        'note coder: it is about code',
        'answer I look.',
        'call Read area.py running',
    ]);
    const done = apply(
        working,
        { kind: 'result', call: 'c1', text: '1 area', cut: false, failed: false, seconds: 0.2 },
        { kind: 'plan', steps: [{ title: 'Write', status: 'active' }] },
        { kind: 'text', agent: 'coder', text: 'It is done.' },
        { ...DONE, text: 'It is done.', tokens: 12, cost: 0.5, seconds: 2 },
        { ...DONE, tokens: 3, seconds: 1 },
    );
    assert.equal(done.phase, 'idle');
    assert.deepEqual(done.plan, [{ title: 'Write', status: 'active' }]);
    assert.deepEqual(describe(done.items).slice(-2), ['call Read area.py done', 'answer It is done.']);
    assert.deepEqual(done.totals, { tokens: 15, cost: 0.5, seconds: 3 });
});

test('an answer that did not stream is shown at the end, one that did is not shown twice', () => {
    const asked = apply(READY, { type: 'asked', text: 'a' }, { kind: 'agent', agent: 'ask', why: '' });
    assert.deepEqual(describe(apply(asked, { ...DONE, text: 'No.' }).items), ['person a', 'note ask', 'answer No.']);
    const streamed = apply(asked, { kind: 'text', agent: 'ask', text: ' No.\n' }, { ...DONE, text: 'No.' });
    assert.deepEqual(describe(streamed.items), ['person a', 'note ask', 'answer  No.\n']);
});

test('a turn that ends early says why, and its open calls are marked', () => {
    const call: TeamEvent = { kind: 'call', agent: 'a', call: 'c', tool: 'run_tests', title: '' };
    const ended = apply(READY, { type: 'asked', text: 'a' }, call, { type: 'stopping' });
    assert.equal(ended.phase, 'stopping');
    const stopped = apply(ended, { ...DONE, status: 'cancelled', text: 'Stopped by you.' });
    assert.deepEqual(describe(stopped.items), ['person a', 'call run_tests failed', 'note Stopped by you.']);
    assert.equal(stopped.phase, 'idle');
});

test('a server that goes away ends questions and calls', () => {
    const question = { title: 'Write?', detail: '', answers: ['Apply', 'Reject'], hasChanges: true, parts: [] };
    const asked = apply(READY, { type: 'asked', text: 'a' }, { type: 'question', question });
    const off = apply(asked, { type: 'server', running: false });
    assert.deepEqual([off.phase, off.question], ['off', null]);
    assert.equal(apply(off, { ...DONE, status: 'failed', text: 'gone' }).phase, 'off');
});

test('answers of two agents are two answers', () => {
    const state = apply(READY, { kind: 'text', agent: 'a', text: 'one' }, { kind: 'text', agent: 'b', text: 'two' });
    assert.deepEqual(describe(state.items), ['answer one', 'answer two']);
});

test('a new session keeps the choice of mode and role', () => {
    const chosen = apply(READY, { type: 'chosen', mode: 'act', role: 'coder' }, { type: 'asked', text: 'a' }, DONE);
    const { mode, role, items, phase } = apply(chosen, { type: 'closed' });
    assert.deepEqual([mode, role, items, phase], ['act', 'coder', [], 'idle']);
});

test('a thumb belongs to a stored answer', () => {
    const answered = apply(READY, { kind: 'text', agent: 'a', text: 'one' }, { type: 'stored', item: 1, number: 4 });
    const liked = apply(answered, { type: 'thumb', item: 1, thumb: 'up' }, { type: 'thumb', item: 9, thumb: 'down' });
    assert.deepEqual(liked.items, [{ kind: 'answer', id: 1, agent: 'a', text: 'one', number: 4, thumb: 'up' }]);
});

test('the oldest items leave the screen', () => {
    const items = Array.from({ length: 1200 }, (_, index) => ({ kind: 'note' as const, text: `${index}` }));
    const opened = apply(READY, { type: 'opened', session: 's', title: 't', role: '', items, plan: [] });
    assert.equal(opened.items.length, 1000);
    assert.deepEqual(describe(opened.items).at(0), 'note 200');
});

test('screen readers hear steps and the final answer, but no pieces of text', () => {
    const heard: string[] = [];
    let state = READY;
    for (const action of [
        { type: 'event', event: { kind: 'agent', agent: 'coder', why: '' } },
        { type: 'event', event: { kind: 'text', agent: 'coder', text: 'It ' } },
        { type: 'event', event: { kind: 'text', agent: 'coder', text: 'works.' } },
        { type: 'question', question: { title: 'Write a.py', detail: '', answers: [], hasChanges: true, parts: [] } },
        { ...DONE, text: 'It works.' },
    ] satisfies Action[]) {
        state = reduce(state, action);
        heard.push(announce(action, state));
    }
    assert.deepEqual(heard, ['coder is working.', '', '', 'A question: Write a.py', 'It works.']);
});

test('the team works, waits for an answer, or does nothing', () => {
    const question = { title: 'Edit?', detail: '', answers: ['Apply', 'Reject'], hasChanges: true, parts: [] };
    const working = apply(READY, { type: 'asked', text: 'go' });
    const asking = apply(working, { kind: 'agent', agent: 'coder', why: '' }, { type: 'question', question });
    assert.equal(formatProgress(READY), '');
    assert.equal(formatProgress(working), 'The team is working…');
    assert.equal(formatProgress(asking), 'coder waits for your answer.');
    assert.equal(formatProgress(apply(asking, { type: 'stopping' })), 'Stopping…');
    assert.deepEqual(apply(asking, DONE).question, question); // it may be another agent's
});

test('cost is only shown where prices are known', () => {
    assert.equal(formatTotals({ tokens: 0, cost: 0, seconds: 0 }), '');
    assert.equal(formatTotals({ tokens: 1234, cost: 0, seconds: 2.34 }), '1,234 tokens, 2.3 s');
    assert.equal(formatTotals({ tokens: 10, cost: 0.01234, seconds: 75 }), '10 tokens, cost 0.0123, 1 min 15 s');
});

test('parts of a question are taken and left in place, and their number is announced', () => {
    const part = { file: 'area.py', place: 'line 1', lines: ['-a', '+b'], taken: true };
    const parts = [
        { ...part, id: '0.0' },
        { ...part, id: '0.1', place: 'line 9' },
    ];
    const question = { title: 'Edit area.py?', detail: '', answers: ['Apply', 'Reject'], hasChanges: true, parts };
    const asked = apply(READY, { type: 'question', question });
    const action: Action = { type: 'taken', parts: ['0.1'] };
    const chosen = apply(asked, action);
    assert.deepEqual(
        chosen.question?.parts.map((one) => one.taken),
        [false, true],
    );
    assert.equal(announce(action, chosen), '1 of 2 parts are taken.');
    assert.equal(apply(READY, action).question, null);
    assert.equal(announce(action, READY), '');
});

const STEPS = [
    { title: 'Design', role: 'architect' },
    { title: 'Write', role: 'coder' },
    { title: 'Test', role: 'tester' },
];
const PLAN: PlanQuestion = { id: 1, title: 'A log', steps: STEPS, roles: ['orchestrator'], problem: '' };

test('a plan that waits for a yes is announced, and gone with its turn', () => {
    const asked: Action = { type: 'planQuestion', question: PLAN };
    const waiting = apply(READY, { type: 'asked', text: 'log' }, asked);
    assert.equal(waiting.planQuestion?.title, 'A log');
    assert.equal(announce(asked, waiting), 'A plan with 3 steps waits for your answer: A log');
    const again: Action = { type: 'planQuestion', question: { ...PLAN, problem: 'There is no role.' } };
    assert.equal(announce(again, waiting), 'There is no role.');
    assert.equal(apply(waiting, DONE).planQuestion, null);
    assert.equal(apply(waiting, { type: 'server', running: false }).planQuestion, null);
});

test('a step moves within the list only', () => {
    const titles = (index: number, by: number) => moveStep(STEPS, index, by).map(({ title }) => title);
    assert.deepEqual(titles(0, 1), ['Write', 'Design', 'Test']);
    assert.deepEqual(titles(2, -1), ['Design', 'Test', 'Write']);
    assert.deepEqual(titles(0, -1), ['Design', 'Write', 'Test']);
    assert.deepEqual(titles(2, 1), ['Design', 'Write', 'Test']);
});
