import assert from 'node:assert/strict';
import test from 'node:test';
import { describeStatus, type Facts, NO_FACTS } from '../src/status';

const RUNNING: Facts = { ...NO_FACTS, phase: { kind: 'running' }, model: 'starling-mini' };

const TABLE: [name: string, news: Partial<Facts>, text: string, spoken: string, severity: string][] = [
    ['ready', {}, '$(sparkle) Starling', 'Starling, ready', ''],
    ['ready elsewhere', { server: 'a:1' }, '$(sparkle) Starling at a:1', 'Starling, ready at a:1', ''],
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
    ['asking', { asked: 'Fix it?' }, '$(question) Starling asks', 'Starling, asks for your answer', 'warning'],
    ['starting', { phase: { kind: 'starting' } }, '$(loading~spin) Starling', 'Starling, starting', ''],
    ['stopped', { phase: { kind: 'stopped' } }, '$(circle-slash) Starling', 'Starling, stopped', ''],
    ['untrusted', { phase: { kind: 'untrusted' } }, '$(circle-slash) Starling', 'Starling, off', ''],
    ['failed', { phase: { kind: 'failed', problem: 'Gone.' } }, '$(error) Starling', 'Starling, not running', 'error'],
];

for (const [name, news, text, spoken, severity] of TABLE) {
    test(`the status bar shows: ${name}`, () => {
        const found = describeStatus({ ...RUNNING, ...news });
        assert.deepEqual([found.text, found.spoken, found.severity], [text, spoken, severity]);
    });
}

test('a question has priority over everything else', () => {
    const all = { asked: 'Fix it?', indexed: 3, thinking: 1, problems: ['x'], paused: 'for python' };
    assert.equal(describeStatus({ ...RUNNING, ...all }).text, '$(question) Starling asks');
});

test('a stopped server shows neither a question nor its indexing', () => {
    const stale = { asked: 'Fix it?', indexed: 3, phase: { kind: 'stopped' } as const };
    assert.equal(describeStatus({ ...RUNNING, ...stale }).spoken, 'Starling, stopped');
});

test('the details say which model answers while another one is loaded', () => {
    const loading = { name: 'qwen', percentage: 40, message: 'starling-mini answers until then' };
    assert.deepEqual(describeStatus({ ...RUNNING, loading, model: 'qwen' }).details, [
        'Loading qwen, 40 %: starling-mini answers until then.',
        'Model: qwen.',
    ]);
    const first = { ...loading, percentage: undefined, message: 'for the first time here; starling-mini answers' };
    assert.equal(
        describeStatus({ ...RUNNING, loading: first }).details[0],
        'Loading qwen: for the first time here; starling-mini answers.',
    );
});

test('the details list the problems and the model', () => {
    assert.deepEqual(describeStatus({ ...RUNNING, problems: ['It is broken.'] }).details, [
        'Model: starling-mini.',
        'It is broken.',
    ]);
    assert.deepEqual(describeStatus({ ...RUNNING, model: '' }).details, ['Ready.', 'Without a model.']);
});
