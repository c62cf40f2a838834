import assert from 'node:assert/strict';
import test from 'node:test';
import { Acceptance } from '../src/acceptance';

const FILE = 'file:///w/a.py';

function offering(text = 'prices[item.name] * item.count') {
    const acceptance = new Acceptance();
    acceptance.offer(FILE, [{ id: 's1', text, offset: 10 }]);
    return acceptance;
}

test('a word taken is a part', () => {
    assert.deepEqual(offering().changed(FILE, 10, 0, 'prices'), { id: 's1', length: 6 });
});

test('a second word counts from the beginning, also when the suggestion came again for the rest', () => {
    const acceptance = offering();
    acceptance.changed(FILE, 10, 0, 'prices');
    acceptance.offer(FILE, [{ id: 's1', text: '[item.name] * item.count', offset: 16 }]);
    assert.deepEqual(acceptance.changed(FILE, 16, 0, '[item'), { id: 's1', length: 11 });
});

test('what is typed is no part: a character, a pair, something else, a replacement, another file', () => {
    assert.equal(offering().changed(FILE, 10, 0, 'p'), undefined);
    assert.equal(offering('() + 1').changed(FILE, 10, 0, '()'), undefined);
    assert.equal(offering().changed(FILE, 10, 0, 'pr1ces'), undefined);
    assert.equal(offering().changed(FILE, 10, 2, 'prices'), undefined);
    assert.equal(offering().changed('file:///w/b.py', 10, 0, 'prices'), undefined);
    assert.equal(offering().changed(FILE, 4, 0, 'prices'), undefined);
});

test('the whole is no part: its own command tells of it', () => {
    assert.equal(offering('prices').changed(FILE, 10, 0, 'prices'), undefined);
});

test('characters are counted, not units', () => {
    assert.deepEqual(offering('"🐦🐦" + x').changed(FILE, 10, 0, '"🐦🐦"'), { id: 's1', length: 4 });
});

test('what another document is offered ends the former', () => {
    const acceptance = offering();
    acceptance.offer('file:///w/b.py', []);
    assert.equal(acceptance.changed(FILE, 10, 0, 'prices'), undefined);
});
