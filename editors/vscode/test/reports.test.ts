import assert from 'node:assert/strict';
import test from 'node:test';
import { formatComplexity, formatStyle, formatValidation } from '../src/reports';

const at = (line: number) => ({ start: { line } });
const FINDING = { code: 'E401', severity: 'warning', message: 'Two | imports\non a line', range: at(0) };
const DEEP = { name: 'deep', range: at(4), lines: 7, cyclomatic: 4, cognitive: 6, nesting: 3 };
const MEASURED = { language: 'python', measured: true, code_lines: 1200, comment_lines: 1, functions: [DEEP] };

test('a file that parses and has no findings is one line', () => {
    const text = formatValidation({ language: 'python', parses: true, broken: [], findings: [] });
    assert.equal(text, 'It **parses** as python. Nothing was found.');
});

test('the lines that do not parse are listed, each once', () => {
    const broken = [at(2), at(2), at(6)];
    const text = formatValidation({ language: 'go', parses: false, broken, findings: [] });
    assert.match(text, /^It does \*\*not parse\*\* as go: lines 3, 7\./);
    assert.match(formatValidation({ language: 'go', parses: false, broken: [at(2)], findings: [] }), /: line 3\./);
});

test('a file without a grammar is not said to parse', () => {
    const text = formatValidation({ language: 'text', parses: null, broken: [], findings: [FINDING] });
    assert.match(text, /cannot tell whether it parses: there is no grammar for text\. 1 finding\./);
    assert.match(text, /\n\| line 1 \| Two \\\| imports on a line \| `E401` \|$/);
});

test('the first hundred of many findings are shown, with the number of the others', () => {
    const findings = Array.from({ length: 103 }, () => FINDING);
    const text = formatValidation({ language: 'python', parses: true, broken: [], findings });
    assert.equal(text.match(/^\| line 1 /gm)?.length, 100);
    assert.match(text, /\n\n…and 3 more\.$/);
});

test('violations of PEP 8 are shown with the score, its calculation and their places', () => {
    const text = formatStyle({
        checked: true,
        problem: '',
        score: 71.4,
        how: '2 violations cost 20 points.',
        violations: [FINDING],
    });
    assert.match(text, /^\*\*71 of 100\*\*\. 2 violations cost 20 points\.\n\n## Violations of PEP 8\n/);
    assert.match(text, /\n\| line 1 \| Two \\\| imports on a line \| `E401` \|$/);
});

test('a file that PEP 8 does not apply to gets the message of the server', () => {
    const problem = 'PEP 8 is about Python, and this is go.';
    assert.equal(formatStyle({ checked: false, problem, score: null, how: '', violations: [] }), problem);
});

test('each function has a row with its figures', () => {
    const text = formatComplexity(MEASURED);
    assert.match(text, /^1 function, 1,200 lines of code, 1 of comment\./);
    assert.match(text, /\n\| place \| function \| cyclomatic \| cognitive \| lines of code \| nesting \|\n/);
    assert.match(text, /\n\| line 5 \| `deep` \| 4 \| 6 \| 7 \| 3 \|$/);
});

test('a function without a name is a row too', () => {
    const text = formatComplexity({ ...MEASURED, functions: [{ ...DEEP, name: '' }] });
    assert.match(text, /\| line 5 \| without a name \| 4 \|/);
});

test('a language without functions has no figures', () => {
    const text = formatComplexity({ ...MEASURED, language: 'text', measured: false, functions: [] });
    assert.equal(text, 'Nothing was measured: Starling finds no functions in text.');
});
