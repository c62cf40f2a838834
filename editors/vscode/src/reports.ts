// The server's reports as Markdown, of a workspace and of one file. Only lays out what the server found; start at `review`.

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
        findings('Findings', found.findings, base),
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

export interface Validation {
    readonly language: string;
    readonly parses: boolean | null;
    readonly broken: readonly Place[];
    readonly findings: readonly Finding[];
}

export function validation(found: Validation): string {
    const sum = found.findings.length === 0 ? 'Nothing was found.' : `${count(found.findings.length, 'finding')}.`;
    return [`${parsed(found)} ${sum}`, findings('Findings', found.findings)].filter((part) => part !== '').join('\n\n');
}

function parsed({ language, parses, broken }: Validation): string {
    if (parses === null) {
        return `Whether it parses cannot be told: there is no grammar for ${cell(language)}.`;
    }
    const lines = [...new Set(broken.map((one) => one.start.line + 1))];
    const where = `${lines.length === 1 ? 'line' : 'lines'} ${lines.slice(0, MOST).join(', ')}`;
    return parses ? `It **parses** as ${cell(language)}.` : `It does **not parse** as ${cell(language)}: ${where}.`;
}

export interface Style {
    readonly checked: boolean;
    readonly problem: string;
    readonly score: number | null;
    readonly how: string;
    readonly violations: readonly Finding[];
}

export function style(found: Style): string {
    if (!found.checked) {
        return cell(found.problem);
    }
    const score = found.score === null ? 'No score' : `**${found.score.toFixed(0)} of 100**`;
    return [`${score}. ${cell(found.how)}`, findings('Departures from PEP 8', found.violations)]
        .filter((part) => part !== '')
        .join('\n\n');
}

export interface Measured {
    readonly name: string;
    readonly range: Place;
    readonly lines: number;
    readonly cyclomatic: number;
    readonly cognitive: number;
    readonly nesting: number;
}

export interface Complexity {
    readonly language: string;
    readonly measured: boolean;
    readonly code_lines: number;
    readonly comment_lines: number;
    readonly functions: readonly Measured[];
}

export function complexity(found: Complexity): string {
    if (!found.measured) {
        return `Functions cannot be told apart in ${cell(found.language)}, so nothing was measured.`;
    }
    const sum = `${count(found.functions.length, 'function')}, ${count(found.code_lines, 'line')} of code, `;
    const rows = found.functions.slice(0, MOST).map((one) => {
        const figures = [one.cyclomatic, one.cognitive, one.lines, one.nesting].join(' | ');
        return `| line ${one.range.start.line + 1} | ${one.name ? `\`${cell(one.name)}\`` : 'without a name'} | ${figures} |`;
    });
    return [
        `${sum}${found.comment_lines.toLocaleString('en')} of comment.`,
        table(
            'Functions, most complex first',
            ['place', 'function', 'cyclomatic', 'cognitive', 'lines of code', 'nesting'],
            rows,
        ),
        more(found.functions.length),
    ]
        .filter((part) => part !== '')
        .join('\n\n');
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

function findings(title: string, all: readonly Finding[], base = ''): string {
    const rows = all.slice(0, MOST).map((one) => finding(one, base));
    return [table(title, ['place', 'what', 'rule'], rows), more(all.length)].filter((part) => part !== '').join('\n\n');
}

function more(number: number): string {
    return number > MOST ? `…and ${number - MOST} more.` : '';
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
