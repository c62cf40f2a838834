import assert from 'node:assert/strict';
import test from 'node:test';
import { Acceptance } from '../src/acceptance';

const FILE = 'file:///w/a.py';

function showSuggestion(text = 'prices[item.name] * item.count') {
    const acceptance = new Acceptance();
    acceptance.setSuggestions(FILE, [{ id: 's1', text, offset: 10 }]);
    return acceptance;
}

test('an accepted word is a part', () => {
    assert.deepEqual(showSuggestion().findAcceptedPart(FILE, 10, 0, 'prices'), { id: 's1', length: 6 });
});

test('a second word counts from the beginning, also when the suggestion came again for the rest', () => {
    const acceptance = showSuggestion();
    acceptance.findAcceptedPart(FILE, 10, 0, 'prices');
    acceptance.setSuggestions(FILE, [{ id: 's1', text: '[item.name] * item.count', offset: 16 }]);
    assert.deepEqual(acceptance.findAcceptedPart(FILE, 16, 0, '[item'), { id: 's1', length: 11 });
});

test('typing is not an accepted part: a character, a pair, other text, a replacement, another file', () => {
    assert.equal(showSuggestion().findAcceptedPart(FILE, 10, 0, 'p'), undefined);
    assert.equal(showSuggestion('() + 1').findAcceptedPart(FILE, 10, 0, '()'), undefined);
    assert.equal(showSuggestion().findAcceptedPart(FILE, 10, 0, 'pr1ces'), undefined);
    assert.equal(showSuggestion().findAcceptedPart(FILE, 10, 2, 'prices'), undefined);
    assert.equal(showSuggestion().findAcceptedPart('file:///w/b.py', 10, 0, 'prices'), undefined);
    assert.equal(showSuggestion().findAcceptedPart(FILE, 4, 0, 'prices'), undefined);
});

test('a whole suggestion is not a part: its own command reports it', () => {
    assert.equal(showSuggestion('prices').findAcceptedPart(FILE, 10, 0, 'prices'), undefined);
});

test('the length counts code points, not UTF-16 units', () => {
    assert.deepEqual(showSuggestion('"🐦🐦" + x').findAcceptedPart(FILE, 10, 0, '"🐦🐦"'), { id: 's1', length: 4 });
});

test('suggestions for another document replace the earlier ones', () => {
    const acceptance = showSuggestion();
    acceptance.setSuggestions('file:///w/b.py', []);
    assert.equal(acceptance.findAcceptedPart(FILE, 10, 0, 'prices'), undefined);
});
