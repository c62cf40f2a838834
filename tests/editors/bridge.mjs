// Controls a browser for the tests: reads a command per line as JSON from stdin, and answers with a line of JSON on stdout.
// usage: node bridge.mjs PLAYWRIGHT_MODULE CHROMIUM. Knows nothing of VS Code; `vscode.py` does.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [playwright, chromium] = process.argv.slice(2);
const { chromium: browserType } = createRequire(import.meta.url)(playwright);
const browser = await browserType.launch({ executablePath: chromium, args: ['--no-sandbox', '--disable-gpu'] });
const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 });
const page = await context.newPage();
const messages = [];
page.on('console', (message) => messages.push(message.text().slice(0, 500)));

const locate = ({ selector, text, nth = 0 }) => {
    const all = page.locator(selector);
    return (text === undefined ? all : all.filter({ hasText: text })).nth(nth);
};

const actions = {
    open: ({ url }) => page.goto(url),
    press: ({ keys }) => page.keyboard.press(keys),
    type: ({ text, delay = 30 }) => page.keyboard.type(text, { delay }),
    click: ({ timeout, button, ...place }) => locate(place).click({ timeout, button }),
    move: ({ x, y }) => page.mouse.move(x, y),
    hover: ({ timeout, ...place }) => locate(place).hover({ timeout }),
    wait: ({ state, timeout, ...place }) => locate(place).waitFor({ state, timeout }),
    count: ({ selector }) => page.locator(selector).count(),
    texts: ({ selector }) => page.locator(selector).allInnerTexts(),
    // from the top down, without the inner elements that match `without`
    textsWithout: ({ selector, without }) =>
        page.locator(selector).evaluateAll(
            (all, unwanted) =>
                all.toSorted((one, other) => one.getBoundingClientRect().top - other.getBoundingClientRect().top).map((one) => {
                    const copy = one.cloneNode(true);
                    for (const inner of copy.querySelectorAll(unwanted)) inner.remove();
                    return copy.textContent;
                }),
            without,
        ),
    // what styles put after and before the matching elements, from the top down: VS Code's decorations are not in the text
    decorations: ({ selector }) =>
        page.locator(selector).evaluateAll((all) =>
            all.toSorted((one, other) => one.getBoundingClientRect().top - other.getBoundingClientRect().top)
                .flatMap((one) => ['::before', '::after'].map((side) => getComputedStyle(one, side).content))
                .filter((content) => content.startsWith('"')).map((content) => content.slice(1, -1)),
        ),
    // where an element is on the screen, in whole pixels
    box: async (place) => {
        const { x, y, width, height } = await locate(place).boundingBox();
        return { x: Math.round(x), y: Math.round(y), width: Math.round(width), height: Math.round(height) };
    },
    attribute: ({ name, timeout, ...place }) => locate(place).getAttribute(name, { timeout }),
    value: ({ selector, timeout }) => page.locator(selector).inputValue({ timeout }),
    // the HTML of the frames of webviews, which are frames within frames
    frames: async () => {
        const inner = page.frames().filter((frame) => frame !== page.mainFrame());
        return Promise.all(inner.map((frame) => frame.evaluate('document.documentElement.outerHTML').catch(() => '')));
    },
    screenshot: ({ path, clip }) => page.screenshot({ path, clip, animations: 'disabled', caret: 'initial' }),
    console: () => messages,
};

for await (const line of createInterface({ input: process.stdin })) {
    const { action, ...given } = JSON.parse(line);
    try {
        const value = await actions[action](given);
        process.stdout.write(`${JSON.stringify({ value: ['string', 'number', 'object'].includes(typeof value) && !value?.url ? value : null })}\n`);
    } catch (error) {
        process.stdout.write(`${JSON.stringify({ error: String(error.message).slice(0, 2000) })}\n`);
    }
}
await browser.close();
