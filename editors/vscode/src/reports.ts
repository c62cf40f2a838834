// The server's reports as Markdown. Only lays out what the server found; start at `review`.

interface Place {
    readonly start: { readonly line: number };
}

interface Finding {
    readonly code: string;
    readonly severity: string;
    readonly message: string;
    readonly range: Place;
    readonly uri?: string;
}

export interface Review {
    readonly score: number | null;
    readonly parts: readonly { name: string; score: number | null; weight: number; how: string }[];
    readonly files: number;
    readonly lines: number;
    readonly counts: Readonly<Record<string, number>>;
    readonly functions: readonly { uri: string; name: string; line: number; cyclomatic: number; cognitive: number }[];
    readonly recommendations: readonly string[];
    readonly findings: readonly Finding[];
    readonly problem: string;
}

const MOST = 100;

export function review(found: Review, base: string): string {
    const score = found.score === null ? 'no score' : `**${found.score.toFixed(0)} of 100**`;
    const parts = found.parts.map(
        (one) =>
            `| ${one.name} | ${one.score === null ? '–' : one.score.toFixed(0)} | ${one.weight} | ${cell(one.how)} |`,
    );
    const functions = found.functions
        .slice(0, 10)
        .map(
            (one) =>
                `| ${place(one.uri, one.line, base)} | \`${cell(one.name)}\` | ${one.cyclomatic} | ${one.cognitive} |`,
        );
    return [
        `${score}, ${count(found.files, 'file')}, ${count(found.lines, 'line')} of code.`,
        found.problem,
        list('Next', found.recommendations),
        table('Parts', ['part', 'score', 'weight', 'how'], parts),
        table(
            'Findings',
            ['place', 'what', 'rule'],
            found.findings.slice(0, MOST).map((one) => finding(one, base)),
        ),
        found.findings.length > MOST ? `…and ${found.findings.length - MOST} more.` : '',
        table('Most complex functions', ['place', 'function', 'cyclomatic', 'cognitive'], functions),
    ]
        .filter((part) => part !== '')
        .join('\n\n');
}

export interface Coverage {
    readonly measured: boolean;
    readonly problem: string;
    readonly source: string;
    readonly percent: number | null;
    readonly files: readonly { relative: string; percent: number | null; missed: readonly (readonly number[])[] }[];
}

export function coverage(found: Coverage): string {
    if (!found.measured) {
        return found.problem;
    }
    const rows = found.files.slice(0, MOST).map((one) => {
        const missed = one.missed.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(', ');
        return `| ${cell(one.relative)} | ${one.percent === null ? '–' : `${one.percent.toFixed(0)} %`} | ${missed} |`;
    });
    return [
        `**${(found.percent ?? 0).toFixed(1)} %** of the lines, by ${found.source}.`,
        table('Files', ['file', 'covered', 'missed lines'], rows),
    ].join('\n\n');
}

export interface Facts {
    readonly title: string;
    readonly rows: readonly (readonly [string, string])[];
}

export function facts(groups: readonly Facts[]): string {
    return groups
        .map(({ title, rows }) =>
            table(
                title,
                ['', ''],
                rows.map(([name, value]) => `| ${cell(name)} | ${cell(value)} |`),
            ),
        )
        .filter((part) => part !== '')
        .join('\n\n');
}

function finding(one: Finding, base: string): string {
    const where =
        one.uri === undefined ? `line ${one.range.start.line + 1}` : place(one.uri, one.range.start.line, base);
    return `| ${where} | ${cell(one.message)} | \`${cell(one.code)}\` |`;
}

/** A file and a line. Not a link: the preview follows none to files. */
function place(uri: string, line: number, base: string): string {
    const name = uri.startsWith(`${base}/`) ? uri.slice(base.length + 1) : uri;
    return `${cell(decodeURIComponent(name))}:${line + 1}`;
}

function list(title: string, items: readonly string[]): string {
    return items.length === 0 ? '' : `## ${title}\n\n${items.map((item) => `- ${cell(item)}`).join('\n')}`;
}

function table(title: string, heads: readonly string[], rows: readonly string[]): string {
    const rule = heads.map(() => '---').join(' | ');
    return rows.length === 0 ? '' : [`## ${title}\n`, `| ${heads.join(' | ')} |`, `| ${rule} |`, ...rows].join('\n');
}

function count(number: number, noun: string): string {
    return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

/** Text that stays in its cell. */
function cell(text: string): string {
    return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\|<>[\]]/g, '\\$&');
}
