import assert from 'node:assert/strict';
import test from 'node:test';
import { drawBars, drawLine, escapeHtml, formatAmount } from '../src/charts';
import { renderPage } from '../src/page';
import { formatReview } from '../src/reports';

const CHART = { id: 'c', title: 'Suggestions', unit: 'ms', empty: 'Nothing yet.' };
const COMPLETION = {
    requests: 10,
    answered: 8,
    shown: 0,
    accepted: 2,
    partly_accepted: 1,
    rejected: 0,
    characters_accepted: 1234,
    total_p50_ms: 12.34,
    total_p95_ms: 100.5,
    total_p99_ms: 140,
    model_p50_ms: 0,
    by_origin: { recall: 8 },
    empty: { unlikely: 2 },
};

test('the longest bar fills the room, the others in proportion', () => {
    const widths = [
        ...drawBars(CHART, [
            { name: 'a', value: 10 },
            { name: 'b', value: 5 },
        ]).matchAll(/ width="([\d.]+)"/g),
    ];
    assert.deepEqual(
        widths.map((found) => Number(found[1])),
        [230, 115],
    );
});

test('each chart has a table of its values, and a name for screen readers', () => {
    const drawn = drawBars(CHART, [{ name: 'median', value: 12.34 }]);
    assert.match(drawn, /role="img" aria-labelledby="c" aria-describedby="c-table"/);
    assert.match(drawn, /<table id="c-table"><tr><th scope="row">median<\/th><td>12.3 ms<\/td>/);
});

test('a chart without values is a sentence instead of a drawing', () => {
    for (const drawn of [drawBars(CHART, []), drawBars(CHART, [{ name: 'a', value: 0 }]), drawLine(CHART, [], 100)]) {
        assert.match(drawn, /Nothing yet\./);
        assert.doesNotMatch(drawn, /<svg/);
    }
});

test('a line stays within its frame', () => {
    const points = [5, 250, -3].map((value, at) => ({ at, name: `${at}`, value }));
    const [, places] = /<polyline points="([^"]+)"/.exec(drawLine(CHART, points, 100)) ?? [];
    const heights = (places ?? '').split(' ').map((place) => Number(place.split(',')[1]));
    assert.deepEqual(heights, [139.2, 10, 146]);
});

test('amounts are formatted for people', () => {
    assert.deepEqual(
        [formatAmount(1234, ''), formatAmount(0.25, 'ms'), formatAmount(123.456, 'ms')],
        ['1,234', '0.3 ms', '123 ms'],
    );
});

test('text from elsewhere is escaped', () => {
    const task = '<img src=x onerror=alert(1)>';
    const workflows = [{ at: 1, task, outcome: 'applied', rounds: [{ score: 50, tokens: 10 }] }];
    const html = renderPage(
        { completion: COMPLETION, team: [], roles: [], workflows, scores: [{ at: 2, score: 70, of: '"><script>' }] },
        'nonce',
    );
    assert.doesNotMatch(html, /<img|<script/);
    assert.equal(escapeHtml('<a href="x">&\'</a>'), '&lt;a href=&quot;x&quot;&gt;&amp;&#39;&lt;/a&gt;');
});

test('the page runs no script and loads nothing', () => {
    const html = renderPage({ completion: COMPLETION, team: [], roles: [], workflows: [], scores: [] }, 'abc');
    assert.match(html, /content="default-src 'none'; style-src 'nonce-abc';"/);
    assert.doesNotMatch(html, /<script|<link|url\(|style="/);
    assert.match(html, /<dd>38 %<\/dd>/);
});

test('the work of the team is shown by day and by role, oldest day first', () => {
    const day = {
        tasks_done: 2,
        tasks_failed: 1,
        tasks_waiting: 0,
        turns: 3,
        turns_failed: 1,
        prompt_tokens: 1000,
        answer_tokens: 234,
        cost: 0,
    };
    const team = [
        { ...day, day: '2026-11-28' },
        { ...day, day: '2026-11-27', prompt_tokens: 0, answer_tokens: 0 },
    ];
    const use = { prompt_tokens: 600, answer_tokens: 17 };
    const roles = [
        { ...use, role: 'coder' },
        { ...use, role: 'coder' },
        { ...use, role: '<b>' },
    ];
    const html = renderPage({ completion: {}, team, roles, workflows: [], scores: [] }, 'abc');
    assert.match(html, /2026-11-27<\/th><td>0 tokens<.*2026-11-28<\/th><td>1,234 tokens</s);
    assert.match(html, /done<\/th><td>4</);
    assert.match(html, /coder<\/th><td>1,234 tokens</);
    assert.doesNotMatch(html, /<b>|Cost of the team|NaN/);
    const paid = [{ ...day, day: '2026-11-28', cost: 0.5 }];
    assert.match(
        renderPage({ completion: {}, team: paid, roles, workflows: [], scores: [] }, 'abc'),
        /Cost of the team/,
    );
});

test('the page of a server that has done nothing yet says so', () => {
    const html = renderPage({ completion: {}, team: [], roles: [], workflows: [], scores: [] }, 'abc');
    assert.doesNotMatch(html, /<svg|NaN|undefined/);
});

test('findings stay within the cells of their table', () => {
    const found = {
        score: 71.4,
        parts: [{ name: 'style', score: null, weight: 10, how: 'a | b' }],
        files: 1,
        lines: 1200,
        counts: {},
        functions: [],
        recommendations: ['Do *this*.'],
        problem: '',
        findings: [
            {
                code: 'F401',
                severity: 'warning',
                message: '`os`\n| [x](command:evil)',
                range: { start: { line: 3 } },
                uri: 'file:///w/a.py',
            },
        ],
    };
    const text = formatReview(found, 'file:///w');
    assert.match(text, /\*\*71 of 100\*\*, 1 file, 1,200 lines of code\./);
    assert.match(text, /\| a\.py:4 \| `os` \\\| \\\[x\\\]\(command:evil\)/);
    assert.match(text, /\| style \| – \| 10 \| a \\\| b \|/);
});
