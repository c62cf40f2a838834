// Draws charts as SVG, each with its values as a table. Pure: values in, HTML out. The colours are VS Code's variables, so
// that charts follow the theme. Start at `drawBars` and `drawLine`.

export interface Value {
    readonly name: string;
    readonly value: number;
}

const WIDTH = 440;
const ROW = 28;
const LABEL = 130;
const FIGURE = 80;
const HEIGHT = 160;

export interface Chart {
    readonly id: string;
    readonly title: string;
    /** The unit of the values, such as "ms"; "" for counts. */
    readonly unit: string;
    /** The text that replaces the drawing if there are no values. */
    readonly empty: string;
}

/** Draw horizontal bars, the longest as wide as the room; values that are all zero are replaced by `chart.empty`. */
export function drawBars(chart: Chart, values: readonly Value[]): string {
    const largest = Math.max(...values.map((one) => one.value), 0);
    if (largest <= 0) {
        return wrapInFigure(chart, '', values);
    }
    const room = WIDTH - LABEL - FIGURE;
    const rows = values.map(({ name, value }, number) => {
        const y = number * ROW;
        const width = Math.max((value / largest) * room, value > 0 ? 2 : 0);
        return (
            `<text x="${LABEL - 10}" y="${y + 18}" text-anchor="end">${escapeHtml(name)}</text>` +
            `<rect x="${LABEL}" y="${y + 5}" width="${width.toFixed(1)}" height="${ROW - 10}" rx="2"/>` +
            `<text x="${(LABEL + width + 8).toFixed(1)}" y="${y + 18}">${formatAmount(value, chart.unit)}</text>`
        );
    });
    return wrapInFigure(chart, wrapInSvg(chart, values.length * ROW, rows.join('')), values);
}

export interface Point extends Value {
    /** Seconds since the epoch. */
    readonly at: number;
}

/** Draw points as a line with even distances, oldest first; values are limited to 0 to `highest`. */
export function drawLine(chart: Chart, points: readonly Point[], highest: number): string {
    if (points.length === 0) {
        return wrapInFigure(chart, '', points);
    }
    const [left, right, top, bottom] = [36, WIDTH - 12, 10, HEIGHT - 14];
    const x = (number: number) =>
        left + ((right - left) * (number + (points.length === 1 ? 0.5 : 0))) / Math.max(points.length - 1, 1);
    const y = (value: number) => bottom - ((bottom - top) * Math.min(Math.max(value, 0), highest)) / highest;
    const grid = [0, highest / 2, highest].map(
        (value) =>
            `<line x1="${left}" x2="${right}" y1="${y(value)}" y2="${y(value)}"/>` +
            `<text x="${left - 8}" y="${y(value) + 4}" text-anchor="end">${formatAmount(value, '')}</text>`,
    );
    const places = points.map((one, number) => `${x(number).toFixed(1)},${y(one.value).toFixed(1)}`);
    const dots = places.map((place) => `<circle cx="${place.split(',')[0]}" cy="${place.split(',')[1]}" r="3.5"/>`);
    const drawn = `<g class="grid">${grid.join('')}</g><polyline points="${places.join(' ')}"/>${dots.join('')}`;
    return wrapInFigure(chart, wrapInSvg(chart, HEIGHT, drawn), points);
}

function wrapInSvg(chart: Chart, height: number, inner: string): string {
    return (
        `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="${chart.id}" ` +
        `aria-describedby="${chart.id}-table">${inner}</svg>`
    );
}

/** Wrap a drawing with its title and the table of its values; a drawing "" is replaced by `chart.empty`. */
function wrapInFigure(chart: Chart, drawn: string, values: readonly Value[]): string {
    const caption = `<figcaption id="${chart.id}">${escapeHtml(chart.title)}</figcaption>`;
    if (drawn === '') {
        return `<figure>${caption}<p class="empty">${escapeHtml(chart.empty)}</p></figure>`;
    }
    const rows = values.map(
        ({ name, value }) =>
            `<tr><th scope="row">${escapeHtml(name)}</th><td>${formatAmount(value, chart.unit)}</td></tr>`,
    );
    return (
        `<figure>${caption}${drawn}<details><summary>${escapeHtml(chart.title)} as a table</summary>` +
        `<table id="${chart.id}-table">${rows.join('')}</table></details></figure>`
    );
}

/** Format a number with its unit, with one decimal place if it is a fraction below 100. */
export function formatAmount(value: number, unit: string): string {
    const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 1;
    const number = value.toLocaleString('en', { maximumFractionDigits: digits });
    return unit === '' ? number : `${number} ${unit}`;
}

export function escapeHtml(text: string): string {
    const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
    return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
