import assert from 'node:assert/strict';
import test from 'node:test';
import { Pauses } from '../src/pauses';

const FILE = 'file:///w/a.py';

test('turning a file off affects no other file, and can be reversed', () => {
    const pauses = new Pauses();
    pauses.toggleFile(FILE);
    assert.equal(pauses.getReason(FILE, 'python', [], true), 'for this file');
    assert.equal(pauses.getReason('file:///w/b.py', 'python', [], true), '');
    pauses.toggleFile(FILE);
    assert.equal(pauses.getReason(FILE, 'python', [], true), '');
});

test('an hour ends by itself', () => {
    let now = 1_000_000;
    const pauses = new Pauses(() => now);
    pauses.pause(3_600_000);
    assert.equal(pauses.getReason(FILE, 'python', [], true), 'for another 60 minutes');
    now += 3_550_000;
    assert.equal(pauses.getReason(FILE, 'python', [], true), 'for another minute');
    now += 60_000;
    assert.equal(pauses.getReason(FILE, 'python', [], true), '');
});

test('an hour can be ended by hand', () => {
    const pauses = new Pauses();
    pauses.pause(3_600_000);
    pauses.resume();
    assert.equal(pauses.getMinutesLeft(), 0);
});

test('the reason names what the settings turn off', () => {
    const pauses = new Pauses();
    assert.equal(pauses.getReason(FILE, 'python', ['yaml', 'python'], true), 'for python');
    assert.match(pauses.getReason(FILE, 'python', [], false), /settings/);
});
