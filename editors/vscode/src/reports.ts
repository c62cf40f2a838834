// Formats the server's reports about a workspace or a file as Markdown. Start at `formatReview`.

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

const MAX_ROWS = 100;

/** Format a review; the paths of findings are relative to the folder with the URI `base`. */
export function formatReview(found: Review, base: string): string {
    const score = found.score === null ? 'no score' : `**${found.score.toFixed(0)} of 100**`;
    const parts = found.parts.map(
        (one) =>
            `| ${one.name} | ${one.score === null ? '–' : one.score.toFixed(0)} | ${one.weight} | ${escapeCell(one.how)} |`,
    );
    const functions = found.functions
        .slice(0, 10)
        .map(
            (one) =>
                `| ${formatLocation(one.uri, one.line, base)} | \`${escapeCell(one.name)}\` | ${one.cyclomatic} | ${one.cognitive} |`,
        );
    return [
        `${score}, ${formatCount(found.files, 'file')}, ${formatCount(found.lines, 'line')} of code.`,
        found.problem,
        formatList('Next', found.recommendations),
        formatTable('Parts', ['part', 'score', 'weight', 'how'], parts),
        formatFindings('Findings', found.findings, base),
        formatTable('Most complex functions', ['place', 'function', 'cyclomatic', 'cognitive'], functions),
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

export function formatCoverage(found: Coverage): string {
    if (!found.measured) {
        return found.problem;
    }
    const rows = found.files.slice(0, MAX_ROWS).map((one) => {
        const missed = one.missed.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(', ');
        return `| ${escapeCell(one.relative)} | ${one.percent === null ? '–' : `${one.percent.toFixed(0)} %`} | ${missed} |`;
    });
    return [
        `**${(found.percent ?? 0).toFixed(1)} %** of the lines, by ${found.source}.`,
        formatTable('Files', ['file', 'covered', 'missed lines'], rows),
    ].join('\n\n');
}

export interface Validation {
    readonly language: string;
    readonly parses: boolean | null;
    readonly broken: readonly Place[];
    readonly findings: readonly Finding[];
}

/** Format the result of a check: whether the file parses, and its findings. */
export function formatValidation(found: Validation): string {
    const summary =
        found.findings.length === 0 ? 'Nothing was found.' : `${formatCount(found.findings.length, 'finding')}.`;
    return [`${describeParsing(found)} ${summary}`, formatFindings('Findings', found.findings)]
        .filter((part) => part !== '')
        .join('\n\n');
}

/** Say whether a file parses, and on which lines it does not. */
function describeParsing({ language, parses, broken }: Validation): string {
    if (parses === null) {
        return `Starling cannot tell whether it parses: there is no grammar for ${escapeCell(language)}.`;
    }
    const lines = [...new Set(broken.map((one) => one.start.line + 1))];
    const where = `${lines.length === 1 ? 'line' : 'lines'} ${lines.slice(0, MAX_ROWS).join(', ')}`;
    return parses
        ? `It **parses** as ${escapeCell(language)}.`
        : `It does **not parse** as ${escapeCell(language)}: ${where}.`;
}

export interface Style {
    readonly checked: boolean;
    readonly problem: string;
    readonly score: number | null;
    readonly how: string;
    readonly violations: readonly Finding[];
}

/** Format a check against PEP 8: the score and the violations, or why nothing was checked. */
export function formatStyle(found: Style): string {
    if (!found.checked) {
        return escapeCell(found.problem);
    }
    const score = found.score === null ? 'No score' : `**${found.score.toFixed(0)} of 100**`;
    return [`${score}. ${escapeCell(found.how)}`, formatFindings('Violations of PEP 8', found.violations)]
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

export function formatComplexity(found: Complexity): string {
    if (!found.measured) {
        return `Nothing was measured: Starling finds no functions in ${escapeCell(found.language)}.`;
    }
    const summary = `${formatCount(found.functions.length, 'function')}, ${formatCount(found.code_lines, 'line')} of code, `;
    const rows = found.functions.slice(0, MAX_ROWS).map((one) => {
        const figures = [one.cyclomatic, one.cognitive, one.lines, one.nesting].join(' | ');
        return `| line ${one.range.start.line + 1} | ${one.name ? `\`${escapeCell(one.name)}\`` : 'without a name'} | ${figures} |`;
    });
    return [
        `${summary}${found.comment_lines.toLocaleString('en')} of comment.`,
        formatTable(
            'Functions, most complex first',
            ['place', 'function', 'cyclomatic', 'cognitive', 'lines of code', 'nesting'],
            rows,
        ),
        formatRest(found.functions.length),
    ]
        .filter((part) => part !== '')
        .join('\n\n');
}

export interface Facts {
    readonly title: string;
    readonly rows: readonly (readonly [string, string])[];
}

/** Format each group of name-value pairs as a table below its title. */
export function formatFacts(groups: readonly Facts[]): string {
    return groups
        .map(({ title, rows }) =>
            formatTable(
                title,
                ['', ''],
                rows.map(([name, value]) => `| ${escapeCell(name)} | ${escapeCell(value)} |`),
            ),
        )
        .filter((part) => part !== '')
        .join('\n\n');
}

function formatFindings(title: string, all: readonly Finding[], base = ''): string {
    const rows = all.slice(0, MAX_ROWS).map((one) => formatFinding(one, base));
    return [formatTable(title, ['place', 'what', 'rule'], rows), formatRest(all.length)]
        .filter((part) => part !== '')
        .join('\n\n');
}

/** Say how many of `number` rows are not shown; "" if all are. */
function formatRest(number: number): string {
    return number > MAX_ROWS ? `…and ${number - MAX_ROWS} more.` : '';
}

function formatFinding(one: Finding, base: string): string {
    const where =
        one.uri === undefined
            ? `line ${one.range.start.line + 1}`
            : formatLocation(one.uri, one.range.start.line, base);
    return `| ${where} | ${escapeCell(one.message)} | \`${escapeCell(one.code)}\` |`;
}

/** Format a file and a line as text, since VS Code's preview does not follow links to files. */
function formatLocation(uri: string, line: number, base: string): string {
    const name = uri.startsWith(`${base}/`) ? uri.slice(base.length + 1) : uri;
    return `${escapeCell(decodeURIComponent(name))}:${line + 1}`;
}

function formatList(title: string, items: readonly string[]): string {
    return items.length === 0 ? '' : `## ${title}\n\n${items.map((item) => `- ${escapeCell(item)}`).join('\n')}`;
}

function formatTable(title: string, heads: readonly string[], rows: readonly string[]): string {
    const rule = heads.map(() => '---').join(' | ');
    return rows.length === 0 ? '' : [`## ${title}\n`, `| ${heads.join(' | ')} |`, `| ${rule} |`, ...rows].join('\n');
}

function formatCount(number: number, noun: string): string {
    return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

/** Escape `text` so that it stays within the cell of a Markdown table. */
function escapeCell(text: string): string {
    return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\|<>[\]]/g, '\\$&');
}
