// Charts as SVG in a figure, each with its figures as a table behind it. Pure: values in, HTML out. Colours are VS Code's
// variables, so a chart looks as the theme does. Start at `bars` and `line`.

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
    /** What the values are: "ms", "tokens"; "" for counts. */
    readonly unit: string;
    /** What is said where there is nothing to draw. */
    readonly empty: string;
}

export function bars(chart: Chart, values: readonly Value[]): string {
    const most = Math.max(...values.map((one) => one.value), 0);
    if (most <= 0) {
        return figure(chart, '', values);
    }
    const room = WIDTH - LABEL - FIGURE;
    const rows = values.map(({ name, value }, number) => {
        const y = number * ROW;
        const width = Math.max((value / most) * room, value > 0 ? 2 : 0);
        return (
            `<text x="${LABEL - 10}" y="${y + 18}" text-anchor="end">${escaped(name)}</text>` +
            `<rect x="${LABEL}" y="${y + 5}" width="${width.toFixed(1)}" height="${ROW - 10}" rx="2"/>` +
            `<text x="${(LABEL + width + 8).toFixed(1)}" y="${y + 18}">${amount(value, chart.unit)}</text>`
        );
    });
    return figure(chart, drawing(chart, values.length * ROW, rows.join('')), values);
}

export interface Point extends Value {
    /** Seconds since the epoch. */
    readonly at: number;
}

/** Values between 0 and `most` over time, oldest first, evenly spaced. */
export function line(chart: Chart, points: readonly Point[], most: number): string {
    if (points.length === 0) {
        return figure(chart, '', points);
    }
    const [left, right, top, bottom] = [36, WIDTH - 12, 10, HEIGHT - 14];
    const x = (number: number) =>
        left + ((right - left) * (number + (points.length === 1 ? 0.5 : 0))) / Math.max(points.length - 1, 1);
    const y = (value: number) => bottom - ((bottom - top) * Math.min(Math.max(value, 0), most)) / most;
    const grid = [0, most / 2, most].map(
        (value) =>
            `<line x1="${left}" x2="${right}" y1="${y(value)}" y2="${y(value)}"/>` +
            `<text x="${left - 8}" y="${y(value) + 4}" text-anchor="end">${amount(value, '')}</text>`,
    );
    const places = points.map((one, number) => `${x(number).toFixed(1)},${y(one.value).toFixed(1)}`);
    const dots = places.map((place) => `<circle cx="${place.split(',')[0]}" cy="${place.split(',')[1]}" r="3.5"/>`);
    const drawn = `<g class="grid">${grid.join('')}</g><polyline points="${places.join(' ')}"/>${dots.join('')}`;
    return figure(chart, drawing(chart, HEIGHT, drawn), points);
}

function drawing(chart: Chart, height: number, inner: string): string {
    return (
        `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="${chart.id}" ` +
        `aria-describedby="${chart.id}-table">${inner}</svg>`
    );
}

function figure(chart: Chart, drawn: string, values: readonly Value[]): string {
    const caption = `<figcaption id="${chart.id}">${escaped(chart.title)}</figcaption>`;
    if (drawn === '') {
        return `<figure>${caption}<p class="empty">${escaped(chart.empty)}</p></figure>`;
    }
    const rows = values.map(
        ({ name, value }) => `<tr><th scope="row">${escaped(name)}</th><td>${amount(value, chart.unit)}</td></tr>`,
    );
    return (
        `<figure>${caption}${drawn}<details><summary>${escaped(chart.title)} as a table</summary>` +
        `<table id="${chart.id}-table">${rows.join('')}</table></details></figure>`
    );
}

export function amount(value: number, unit: string): string {
    const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 1;
    const number = value.toLocaleString('en', { maximumFractionDigits: digits });
    return unit === '' ? number : `${number} ${unit}`;
}

export function escaped(text: string): string {
    const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
    return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
