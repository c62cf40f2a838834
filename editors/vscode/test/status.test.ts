import assert from 'node:assert/strict';
import test from 'node:test';
import { type Known, NOTHING_KNOWN, shown } from '../src/status';

const RUNNING: Known = { ...NOTHING_KNOWN, phase: { kind: 'running' }, model: 'starling-mini' };

const TABLE: [name: string, news: Partial<Known>, text: string, spoken: string, grave: string][] = [
    ['ready', {}, '$(sparkle) Starling', 'Starling, ready', ''],
    ['indexing', { indexed: 41.7 }, '$(sync~spin) Starling 41 %', 'Starling, indexing, 41 %', ''],
    [
        'loading',
        { loading: { name: 'qwen', percentage: 40, message: '' }, indexed: 3, thinking: 1 },
        '$(loading~spin) Starling: loading qwen, 40 %',
        'Starling, loading qwen, 40 %',
        '',
    ],
    [
        'loading for the first time',
        { loading: { name: 'qwen', percentage: undefined, message: '' } },
        '$(loading~spin) Starling: loading qwen',
        'Starling, loading qwen',
        '',
    ],
    ['thinking', { thinking: 2 }, '$(loading~spin) Starling', 'Starling, thinking', ''],
    ['off', { paused: 'for this file' }, '$(circle-slash) Starling', 'Starling, off: for this file', ''],
    ['a problem', { problems: ['It is broken.'] }, '$(warning) Starling', 'Starling, ready, with a problem', 'warning'],
    ['asking', { asked: 'Mend it?' }, '$(question) Starling asks', 'Starling, asks for your answer', 'warning'],
    ['starting', { phase: { kind: 'starting' } }, '$(loading~spin) Starling', 'Starling, starting', ''],
    ['stopped', { phase: { kind: 'stopped' } }, '$(circle-slash) Starling', 'Starling, stopped', ''],
    ['untrusted', { phase: { kind: 'untrusted' } }, '$(circle-slash) Starling', 'Starling, off', ''],
    ['failed', { phase: { kind: 'failed', problem: 'Gone.' } }, '$(error) Starling', 'Starling, does not run', 'error'],
];

for (const [name, news, text, spoken, grave] of TABLE) {
    test(`what is shown: ${name}`, () => {
        const found = shown({ ...RUNNING, ...news });
        assert.deepEqual([found.text, found.spoken, found.grave], [text, spoken, grave]);
    });
}

test('a question comes before everything else that runs', () => {
    const all = { asked: 'Mend it?', indexed: 3, thinking: 1, problems: ['x'], paused: 'for python' };
    assert.equal(shown({ ...RUNNING, ...all }).text, '$(question) Starling asks');
});

test('a server that does not run asks nothing and indexes nothing', () => {
    const stale = { asked: 'Mend it?', indexed: 3, phase: { kind: 'stopped' } as const };
    assert.equal(shown({ ...RUNNING, ...stale }).spoken, 'Starling, stopped');
});

test('who answers while a model is being loaded stands in the details', () => {
    const loading = { name: 'qwen', percentage: 40, message: 'starling-mini answers until then' };
    assert.deepEqual(shown({ ...RUNNING, loading, model: 'qwen' }).details, [
        'Loading qwen, 40 %: starling-mini answers until then.',
        'Model: qwen.',
    ]);
    const first = { ...loading, percentage: undefined, message: 'for the first time here; starling-mini answers' };
    assert.equal(
        shown({ ...RUNNING, loading: first }).details[0],
        'Loading qwen: for the first time here; starling-mini answers.',
    );
});

test('problems and the model stand in the details', () => {
    assert.deepEqual(shown({ ...RUNNING, problems: ['It is broken.'] }).details, [
        'Model: starling-mini.',
        'It is broken.',
    ]);
    assert.deepEqual(shown({ ...RUNNING, model: '' }).details, ['Ready.', 'Without a model.']);
});
