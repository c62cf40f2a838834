import assert from 'node:assert/strict';
import test from 'node:test';
import { convertHistory, type Entry, findNumbers } from '../src/chatHistory';
import type { Item } from '../src/chatState';

function createEntry(number: number, kind: string, by: string, text: string, given: Partial<Entry> = {}): Entry {
    return { number, kind, by, text, calls: [], feedback: null, ...given };
}

function createAnswer(id: number, agent: string, text: string): Item {
    return { kind: 'answer', id, agent, text, number: 0, thumb: '' };
}

test('calls get their results in the order of the calls', () => {
    const items = convertHistory([
        createEntry(1, 'person', 'vscode', 'use pi'),
        createEntry(2, 'agent', 'coder', '', { calls: ['read_file', 'git_diff', 'run_tests'] }),
        createEntry(3, 'result', 'tool', 'the file'),
        createEntry(4, 'result', 'tool', 'the diff'),
        createEntry(5, 'note', 'starling', 'The limit was reached.'),
        createEntry(6, 'agent', 'coder', 'Done.', { feedback: { thumb: 'down' } }),
    ]);
    assert.deepEqual(
        items.map((one) => (one.kind === 'call' ? [one.title, one.text, one.status] : [one.kind, one.text])),
        [
            ['person', 'use pi'],
            ['read_file', 'the file', 'done'],
            ['git_diff', 'the diff', 'done'],
            ['run_tests', '', 'failed'],
            ['note', 'The limit was reached.'],
            ['answer', 'Done.'],
        ],
    );
    assert.deepEqual(items.at(-1), { kind: 'answer', agent: 'coder', text: 'Done.', number: 6, thumb: 'down' });
});

test('a result without a call, and a kind that is not known, are left out', () => {
    assert.deepEqual(convertHistory([createEntry(1, 'result', 'tool', 'x'), createEntry(2, 'other', 'a', 'y')]), []);
});

test('a streamed answer finds its entry although signs of Markdown were changed', () => {
    const items = [
        createAnswer(3, 'coder', 'I look.'),
        createAnswer(5, 'helper', 'Within.'),
        createAnswer(7, 'coder', 'It \\[is\\] &lt;b> `done`.'),
    ];
    const entries = [
        createEntry(4, 'agent', 'coder', 'I look.'),
        createEntry(5, 'result', 'tool', 'Within.'),
        createEntry(6, 'agent', 'coder', 'It [is] <b> done.'),
    ];
    assert.deepEqual(findNumbers(items, entries), [
        { item: 3, number: 4 },
        { item: 7, number: 6 },
    ]);
});

test('an answer in several parts has the number of its last part', () => {
    const entries = [createEntry(4, 'agent', 'coder', 'I think.'), createEntry(5, 'agent', 'coder', 'It is done.')];
    assert.deepEqual(findNumbers([createAnswer(3, 'coder', 'I think.It is done.')], entries), [{ item: 3, number: 5 }]);
});
