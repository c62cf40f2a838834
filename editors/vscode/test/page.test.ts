import assert from 'node:assert/strict';
import test from 'node:test';
import { amount, bars, escaped, line } from '../src/charts';
import { page } from '../src/page';
import { review } from '../src/reports';

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
        ...bars(CHART, [
            { name: 'a', value: 10 },
            { name: 'b', value: 5 },
        ]).matchAll(/ width="([\d.]+)"/g),
    ];
    assert.deepEqual(
        widths.map((found) => Number(found[1])),
        [230, 115],
    );
});

test('each chart has its values as a table, and a name for who cannot see it', () => {
    const drawn = bars(CHART, [{ name: 'median', value: 12.34 }]);
    assert.match(drawn, /role="img" aria-labelledby="c" aria-describedby="c-table"/);
    assert.match(drawn, /<table id="c-table"><tr><th scope="row">median<\/th><td>12.3 ms<\/td>/);
});

test('without values there is a sentence and no drawing', () => {
    for (const drawn of [bars(CHART, []), bars(CHART, [{ name: 'a', value: 0 }]), line(CHART, [], 100)]) {
        assert.match(drawn, /Nothing yet\./);
        assert.doesNotMatch(drawn, /<svg/);
    }
});

test('a line stays within its frame', () => {
    const points = [5, 250, -3].map((value, at) => ({ at, name: `${at}`, value }));
    const [, places] = /<polyline points="([^"]+)"/.exec(line(CHART, points, 100)) ?? [];
    const heights = (places ?? '').split(' ').map((place) => Number(place.split(',')[1]));
    assert.deepEqual(heights, [139.2, 10, 146]);
});

test('amounts are read as people write them', () => {
    assert.deepEqual([amount(1234, ''), amount(0.25, 'ms'), amount(123.456, 'ms')], ['1,234', '0.3 ms', '123 ms']);
});

test('what comes from elsewhere is text and no page', () => {
    const task = '<img src=x onerror=alert(1)>';
    const workflows = [{ at: 1, task, outcome: 'applied', rounds: [{ score: 50, tokens: 10 }] }];
    const html = page({ completion: COMPLETION, workflows, scores: [{ at: 2, score: 70, of: '"><script>' }] }, 'nonce');
    assert.doesNotMatch(html, /<img|<script/);
    assert.equal(escaped('<a href="x">&\'</a>'), '&lt;a href=&quot;x&quot;&gt;&amp;&#39;&lt;/a&gt;');
});

test('the page runs no script and loads nothing', () => {
    const html = page({ completion: COMPLETION, workflows: [], scores: [] }, 'abc');
    assert.match(html, /content="default-src 'none'; style-src 'nonce-abc';"/);
    assert.doesNotMatch(html, /<script|<link|url\(|style="/);
    assert.match(html, /<dd>38 %<\/dd>/);
});

test('the page of a server that has done nothing yet says so', () => {
    const html = page({ completion: {}, workflows: [], scores: [] }, 'abc');
    assert.doesNotMatch(html, /<svg|NaN|undefined/);
});

test('a report in Markdown keeps what was found in its cells', () => {
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
    const text = review(found, 'file:///w');
    assert.match(text, /\*\*71 of 100\*\*, 1 file, 1,200 lines of code\./);
    assert.match(text, /\| a\.py:4 \| `os` \\\| \\\[x\\\]\(command:evil\)/);
    assert.match(text, /\| style \| – \| 10 \| a \\\| b \|/);
});
