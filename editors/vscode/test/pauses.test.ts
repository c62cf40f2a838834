import assert from 'node:assert/strict';
import test from 'node:test';
import { Pauses } from '../src/pauses';

const FILE = 'file:///w/a.py';

test('a file is off until it is on again, and no other with it', () => {
    const pauses = new Pauses();
    pauses.toggleFile(FILE);
    assert.equal(pauses.reason(FILE, 'python', [], true), 'for this file');
    assert.equal(pauses.reason('file:///w/b.py', 'python', [], true), '');
    pauses.toggleFile(FILE);
    assert.equal(pauses.reason(FILE, 'python', [], true), '');
});

test('an hour ends by itself', () => {
    let now = 1_000_000;
    const pauses = new Pauses(() => now);
    pauses.pause(3_600_000);
    assert.equal(pauses.reason(FILE, 'python', [], true), 'for another 60 minutes');
    now += 3_550_000;
    assert.equal(pauses.reason(FILE, 'python', [], true), 'for another minute');
    now += 60_000;
    assert.equal(pauses.reason(FILE, 'python', [], true), '');
});

test('an hour can be ended by hand', () => {
    const pauses = new Pauses();
    pauses.pause(3_600_000);
    pauses.resume();
    assert.equal(pauses.minutesLeft(), 0);
});

test('what the settings turn off is said', () => {
    const pauses = new Pauses();
    assert.equal(pauses.reason(FILE, 'python', ['yaml', 'python'], true), 'for python');
    assert.match(pauses.reason(FILE, 'python', [], false), /settings/);
});
