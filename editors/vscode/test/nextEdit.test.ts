import assert from 'node:assert/strict';
import test from 'node:test';
import { describeDifference, describeKey, movePlace } from '../src/nextEdit';

const START = { line: 3, character: 4 };

test('what both texts have in common is not shown, and words stay whole', () => {
    const { start, end, removed, added, lines } = describeDifference(START, '    ', 'a = amount', 'a = sum_t', '');
    assert.deepEqual([removed, added, lines], ['amount', 'sum_t', []]);
    assert.deepEqual(
        [start, end],
        [
            { line: 3, character: 8 },
            { line: 3, character: 14 },
        ],
    );
});

test('a repeated text is not counted twice', () => {
    const { removed, added } = describeDifference(START, '    ', 'x, x', 'x, x, x', '');
    assert.deepEqual([removed, added], ['', ', x']);
});

test('half of a character is never cut off', () => {
    const { removed, added } = describeDifference(START, '', '"🦊"', '"🦉"', '');
    assert.deepEqual([removed, added], ['🦊', '🦉']);
});

test('a removed line adds nothing', () => {
    const { end, removed, added } = describeDifference({ line: 0, character: 0 }, '', 'import os\n', '', 'import re');
    assert.deepEqual([removed, added], ['import os\n', '']);
    assert.deepEqual(end, { line: 1, character: 0 });
});

test('a new line before another one comes above it', () => {
    const { lines, above } = describeDifference({ line: 0, character: 0 }, '', '', 'import os\n', 'import re');
    assert.deepEqual([lines, above], [['import os'], true]);
});

test('a new line at the end of another one comes below it', () => {
    const { lines, above } = describeDifference({ line: 0, character: 9 }, 'import os', '', '\nimport re', '');
    assert.deepEqual([lines, above], [['import re'], false]);
});

test('new text of several lines is shown as whole lines', () => {
    const { removed, lines, above } = describeDifference(START, 'def ', 'f(a)', 'f(\n    a,\n)', ' -> int:');
    assert.deepEqual([removed, above], ['a', false]);
    assert.deepEqual(lines, ['def f(', '    a,', ') -> int:']);
});

test('a place moves over lines', () => {
    assert.deepEqual(movePlace(START, 'ab'), { line: 3, character: 6 });
    assert.deepEqual(movePlace(START, 'ab\nc'), { line: 4, character: 1 });
});

test('the hint says what Tab does', () => {
    assert.equal(describeKey(true, true, 39, ''), 'Tab: accept · Esc: dismiss');
    assert.equal(describeKey(false, true, 39, ''), 'Tab: go there');
    assert.equal(describeKey(false, false, 39, ''), 'Tab: go to line 40');
    assert.equal(describeKey(false, true, 39, 'a.py'), 'Tab: go to a.py, line 40');
});
