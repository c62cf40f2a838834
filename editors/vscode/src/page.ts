// Renders the statistics page: the server's counts as charts. Pure: figures in, HTML out, without scripts.
// Start at `renderPage`.

import { type Chart, drawBars, drawLine, escapeHtml, formatAmount, type Point, type Value } from './charts';

/** Counts of completions; the server's `CompletionStatistics` documents the fields. */
export type Counted = Readonly<Record<string, number | Readonly<Record<string, number>>>>;

export interface Workflow {
    readonly at: number;
    readonly task: string;
    readonly outcome: string;
    readonly rounds: readonly { readonly score: number | null; readonly tokens: number }[];
}

/** The score of a review that was run in this workspace; `of` is the name of the file or the workspace. */
export interface Score {
    readonly at: number;
    readonly score: number;
    readonly of: string;
}

/** The team's work on one day; `day` is a date such as "2026-11-28". */
export interface TeamDay {
    readonly day: string;
    readonly tasks_done: number;
    readonly tasks_failed: number;
    readonly tasks_waiting: number;
    readonly turns: number;
    readonly turns_failed: number;
    readonly prompt_tokens: number;
    readonly answer_tokens: number;
    readonly cost: number;
}

/** The tokens that a role of the team used with one model. */
export interface RoleUse {
    readonly role: string;
    readonly prompt_tokens: number;
    readonly answer_tokens: number;
}

export interface Figures {
    readonly completion: Counted;
    /** Days on which the team worked. */
    readonly team: readonly TeamDay[];
    readonly roles: readonly RoleUse[];
    readonly workflows: readonly Workflow[];
    readonly scores: readonly Score[];
}

const STYLE = `
body { padding: 0 24px 32px; max-width: 1000px; color: var(--vscode-foreground); font: var(--vscode-font-size) var(--vscode-font-family); }
h1 { font-size: 1.6em; font-weight: 400; margin: 20px 0 4px; }
p { color: var(--vscode-descriptionForeground); margin: 4px 0 16px; }
main { display: grid; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); gap: 16px; }
dl { display: flex; flex-wrap: wrap; gap: 12px 36px; margin: 0 0 20px; }
dt { color: var(--vscode-descriptionForeground); }
dd { margin: 2px 0 0; font-size: 1.7em; font-variant-numeric: tabular-nums; }
figure { margin: 0; padding: 14px 16px; border: 1px solid var(--vscode-widget-border, var(--vscode-panel-border)); border-radius: 4px; background: var(--vscode-editorWidget-background); }
figcaption { font-weight: 600; margin-bottom: 10px; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--vscode-foreground); font-size: 12px; font-variant-numeric: tabular-nums; }
svg rect, svg circle { fill: var(--vscode-charts-blue); }
svg polyline { fill: none; stroke: var(--vscode-charts-blue); stroke-width: 2; }
svg .grid line { stroke: var(--vscode-charts-lines, var(--vscode-panel-border)); stroke-width: 0.5; }
svg .grid text { fill: var(--vscode-descriptionForeground); font-size: 11px; }
details { margin-top: 10px; color: var(--vscode-descriptionForeground); }
summary { cursor: pointer; }
summary:focus-visible { outline: 1px solid var(--vscode-focusBorder); outline-offset: 2px; }
table { border-collapse: collapse; margin-top: 6px; }
th { text-align: left; font-weight: 400; padding: 2px 20px 2px 0; }
td { text-align: right; font-variant-numeric: tabular-nums; }
.empty { margin: 0; }
`;

export function renderPage(figures: Figures, nonce: string): string {
    const policy = `default-src 'none'; style-src 'nonce-${nonce}';`;
    return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">
<title>Starling statistics</title><style nonce="${nonce}">${STYLE}</style></head>
<body><h1>Statistics</h1>
<p>Suggestions are counted since the server started, the team's work for 30 days. Nothing is sent anywhere.</p>
${renderHeadline(figures.completion)}
<main>${renderCharts(figures).join('\n')}</main></body></html>`;
}

function renderHeadline(counted: Counted): string {
    const shown = readNumber(counted, 'shown') || readNumber(counted, 'answered');
    const taken = readNumber(counted, 'accepted') + readNumber(counted, 'partly_accepted');
    const facts: [string, string][] = [
        ['acceptance rate', shown > 0 ? `${Math.round((100 * Math.min(taken, shown)) / shown)} %` : '–'],
        [
            'median time',
            readNumber(counted, 'requests') > 0 ? formatAmount(readNumber(counted, 'total_p50_ms'), 'ms') : '–',
        ],
        ['characters accepted', formatAmount(readNumber(counted, 'characters_accepted'), '')],
    ];
    return `<dl>${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${escapeHtml(value)}</dd></div>`).join('')}</dl>`;
}

function renderCharts({ completion, team, roles, workflows, scores }: Figures): string[] {
    const none = 'Nothing yet: type in a file.';
    const select = (names: Record<string, string>): Value[] =>
        Object.entries(names).map(([key, name]) => ({ name, value: readNumber(completion, key) }));
    const oldest = [...workflows].sort((one, other) => one.at - other.at);
    return [
        drawBars(
            createChart('suggestions', 'Suggestions', '', none),
            select({
                requests: 'asked for',
                answered: 'offered',
                accepted: 'accepted',
                partly_accepted: 'accepted in part',
                rejected: 'rejected',
            }),
        ),
        drawBars(
            createChart('latency', 'Time to the answer', 'ms', none),
            select({
                total_p50_ms: 'median',
                total_p95_ms: '95 of 100',
                total_p99_ms: '99 of 100',
                model_p50_ms: 'median, model',
            }),
        ),
        drawBars(createChart('origins', 'Where suggestions came from', '', none), sortCounts(completion.by_origin)),
        drawBars(createChart('empty', 'Why nothing was offered', '', none), sortCounts(completion.empty)),
        drawBars(
            createChart('tokens', 'Tokens of the last workflows', 'tokens', 'No workflow has run yet.'),
            oldest.slice(-8).map((one) => ({
                name: one.task,
                value: one.rounds.reduce((sum, round) => sum + round.tokens, 0),
            })),
        ),
        drawLine(
            createChart('scores', 'Review score over time', '', 'No report yet: run Starling: Review This File.'),
            collectScores(oldest, scores),
            100,
        ),
        ...renderTeam(team, roles),
    ];
}

/** Render what the team did: its tasks and tokens by role as bars, each day as a point. */
function renderTeam(team: readonly TeamDay[], roles: readonly RoleUse[]): string[] {
    const none = 'The team has not worked in the last 30 days.';
    const days = [...team].sort((one, other) => one.day.localeCompare(other.day));
    const drawDays = (id: string, title: string, unit: string, read: (day: TeamDay) => number): string => {
        const points = days.map((day) => ({ at: Date.parse(day.day) / 1000, name: day.day, value: read(day) }));
        return drawLine(createChart(id, title, unit, none), points, Math.max(...points.map((one) => one.value), 1));
    };
    const sum = (read: (day: TeamDay) => number): number => days.reduce((total, day) => total + read(day), 0);
    const tokens = new Map<string, number>();
    for (const one of roles) {
        tokens.set(one.role, (tokens.get(one.role) ?? 0) + one.prompt_tokens + one.answer_tokens);
    }
    const charts = [
        drawBars(createChart('tasks', 'Tasks of the team', '', 'No task has ended in the last 30 days.'), [
            { name: 'done', value: sum((day) => day.tasks_done) },
            { name: 'failed', value: sum((day) => day.tasks_failed) },
            { name: 'waiting for you', value: sum((day) => day.tasks_waiting) },
        ]),
        drawDays('turns', 'Requests to the team by day', '', (day) => day.turns),
        drawDays('failures', 'Failed requests to the team by day', '', (day) => day.turns_failed),
        drawDays('team-tokens', 'Tokens of the team by day', 'tokens', (day) => day.prompt_tokens + day.answer_tokens),
        drawBars(
            createChart('roles', 'Tokens of the team by role', 'tokens', none),
            sortCounts(Object.fromEntries(tokens)),
        ),
    ];
    return sum((day) => day.cost) > 0
        ? [...charts, drawDays('cost', 'Cost of the team by day', '', (day) => day.cost)]
        : charts;
}

/** Return the last 40 scores of workflows and reviews, oldest first. */
function collectScores(workflows: readonly Workflow[], scores: readonly Score[]): Point[] {
    const rounds = workflows.flatMap(({ at, task, rounds }) =>
        rounds.flatMap(({ score }) => (score === null ? [] : [{ at, name: formatPointName(at, task), value: score }])),
    );
    const reports = scores.map(({ at, score, of }) => ({ at, name: formatPointName(at, of), value: score }));
    return [...rounds, ...reports].sort((one, other) => one.at - other.at).slice(-40);
}

function formatPointName(at: number, subject: string): string {
    return `${new Date(at * 1000).toISOString().slice(0, 16).replace('T', ' ')}, ${subject}`;
}

/** Return the eight largest of a group of counts, largest first; [] if the server sent none. */
function sortCounts(found: Counted[string] | undefined): Value[] {
    const entries = typeof found === 'object' ? Object.entries(found) : [];
    return entries
        .map(([name, value]) => ({ name: name.replaceAll(/[_-]/g, ' '), value }))
        .sort((one, other) => other.value - one.value)
        .slice(0, 8);
}

/** Return a count of the server, 0 if it is missing. */
function readNumber(counted: Counted, name: string): number {
    const value = counted[name];
    return typeof value === 'number' ? value : 0;
}

function createChart(id: string, title: string, unit: string, empty: string): Chart {
    return { id, title, unit, empty };
}
