import assert from 'node:assert/strict';
import test from 'node:test';
import { applyTaken, isPossible, labelAnswer, listParts, type ProposedFile } from '../src/parts';

const FILE: ProposedFile = {
    action: 'change',
    uri: 'file:///w/a.py',
    target: '',
    before: 'a\r\nb\r\nc\rd\ne',
    after: 'A\r\nb\r\nc\rd\nd2\nE\n',
    hunks: [
        { id: '0.0', before: [0, 1], after: [0, 1], header: '@@ -1,2 +1,2 @@', lines: ['-a', '+A', ' b'] },
        { id: '0.1', before: [4, 5], after: [4, 6], header: '@@ -4,2 +4,3 @@', lines: [' d', '-e', '+d2', '+E'] },
    ],
};
const NEW: ProposedFile = {
    action: 'create',
    uri: 'file:///w/new.py',
    target: '',
    before: '',
    after: 'n\n'.repeat(100),
    hunks: [{ id: '1.0', before: [0, 0], after: [0, 100], header: '@@ -0,0 +1,100 @@', lines: Array(100).fill('+n') }],
};
const ALL = new Set(['0.0', '0.1', '1.0']);
const getName = (file: ProposedFile): string => file.uri.split('/').at(-1) ?? '';

test('the parts of all files are listed with their places and whether they are taken', () => {
    const parts = listParts([FILE, NEW], getName, new Set(['0.1']));
    assert.deepEqual(
        parts.map(({ id, file, place, taken }) => [id, file, place, taken]),
        [
            ['0.0', 'a.py', 'line 1', false],
            ['0.1', 'a.py', 'line 5', true],
            ['1.0', 'new.py', 'new file', false],
        ],
    );
    assert.equal(parts[2]?.lines.length, 61);
    assert.equal(parts[2]?.lines.at(-1), '… 40 more lines');
});

test('a proposal of one part, or without parts, is answered as a whole', () => {
    assert.deepEqual(listParts([NEW], getName, ALL), []);
    assert.deepEqual(listParts([{ ...FILE, hunks: [] }], getName, ALL), []);
});

test('the text with some parts keeps every line ending', () => {
    assert.equal(applyTaken(FILE, ALL), FILE.after);
    assert.equal(applyTaken(FILE, new Set(['0.0'])), 'A\r\nb\r\nc\rd\ne');
    assert.equal(applyTaken(FILE, new Set(['0.1'])), 'a\r\nb\r\nc\rd\nd2\nE\n');
    assert.equal(applyTaken(FILE, new Set()), FILE.before);
    assert.equal(applyTaken(NEW, new Set()), '');
});

test('only answers that mean something can be given', () => {
    const possible = (...taken: string[]) => {
        const parts = listParts([FILE, NEW], getName, new Set(taken));
        return [0, 1, 2].map((index) => isPossible(index, 3, parts));
    };
    assert.deepEqual(possible(...ALL), [true, true, true]);
    assert.deepEqual(possible('0.0'), [true, false, true]);
    assert.deepEqual(possible(), [false, false, true]);
    const parts = listParts([FILE, NEW], getName, new Set(['0.0', '1.0']));
    assert.equal(labelAnswer('Apply', 0, parts), 'Apply 2 of 3 Parts');
    assert.equal(labelAnswer('Reject', 1, parts), 'Reject');
    assert.equal(labelAnswer('Apply', 0, []), 'Apply');
});
