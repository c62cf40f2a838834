import assert from 'node:assert/strict';
import test from 'node:test';
import { LONGEST_REQUEST, readEvent, readRequest } from '../src/chatEvents';

test('events are read field by field', () => {
    const given = {
        kind: 'result',
        agent: 'a',
        call: 'c',
        tool: 't',
        text: 'x',
        cut: true,
        failed: true,
        seconds: 2,
        more: 1,
    };
    assert.deepEqual(readEvent(given), { kind: 'result', call: 'c', text: 'x', cut: true, failed: true, seconds: 2 });
    assert.deepEqual(readEvent({ kind: 'plan', steps: [{ title: 'a', status: 'done' }, 3] }), {
        kind: 'plan',
        steps: [
            { title: 'a', status: 'done' },
            { title: '', status: '' },
        ],
    });
});

test('JSON of another form is no event, and a wrong field is empty', () => {
    for (const given of [null, 3, 'text', [], {}, { kind: 'unknown' }, { text: 'x' }]) {
        assert.equal(readEvent(given), undefined);
    }
    assert.deepEqual(readEvent({ kind: 'text', agent: 1, text: {} }), { kind: 'text', agent: '', text: '' });
});

test('the page can ask for known commands only', () => {
    assert.deepEqual(readRequest({ type: 'run', command: 'starling.chat.new' }), {
        type: 'run',
        command: 'starling.chat.new',
    });
    assert.equal(readRequest({ type: 'run', command: 'workbench.action.terminal.sendSequence' }), undefined);
    assert.equal(readRequest({ type: 'eval', text: 'x' }), undefined);
});

test('an empty request is not sent, a long one is cut', () => {
    assert.equal(readRequest({ type: 'send', text: ' \n ' }), undefined);
    const long = readRequest({ type: 'send', text: 'x'.repeat(LONGEST_REQUEST + 1) });
    assert.equal(long?.type === 'send' && long.text.length, LONGEST_REQUEST);
});

test('a mode that is not known is the one that only reads', () => {
    assert.deepEqual(readRequest({ type: 'choose', mode: 'everything', role: 'coder' }), {
        type: 'choose',
        mode: 'plan',
        role: 'coder',
    });
});

test('a choice of parts is read from the page whatever its form is', () => {
    assert.deepEqual(readRequest({ type: 'take', parts: ['0.0', 1], taken: true }), {
        type: 'take',
        parts: ['0.0', ''],
        taken: true,
    });
    assert.deepEqual(readRequest({ type: 'take', parts: 'all', taken: 1 }), { type: 'take', parts: [], taken: false });
});

test('an edited plan is read step by step, and a remark is cut', () => {
    const given = { type: 'startPlan', id: 7, steps: [{ title: 'Do it', role: 'coder', more: 1 }, 5] };
    const steps = [
        { title: 'Do it', role: 'coder' },
        { title: '', role: '' },
    ];
    assert.deepEqual(readRequest(given), { type: 'startPlan', id: 7, steps });
    assert.deepEqual(readRequest({ type: 'startPlan', id: 'x' }), { type: 'startPlan', id: 0, steps: [] });
    assert.deepEqual(readRequest({ type: 'refusePlan', id: 7, remark: ' Less. ' }), {
        type: 'refusePlan',
        id: 7,
        remark: 'Less.',
    });
});
