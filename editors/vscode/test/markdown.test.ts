import assert from 'node:assert/strict';
import test from 'node:test';
import { escapeHtml } from '../src/charts';
import { type Node, parseMarkdown } from '../src/markdown';

/** Write a tree as HTML, so that a test can show it in one line. */
function write(nodes: readonly Node[]): string {
    return nodes
        .map((node) => {
            if (typeof node === 'string') {
                return escapeHtml(node);
            }
            const href = node.href === undefined ? '' : ` href="${escapeHtml(node.href)}"`;
            const start = node.start === undefined || node.start === 1 ? '' : ` start="${node.start}"`;
            return `<${node.tag}${href}${start}>${write(node.children)}</${node.tag}>`;
        })
        .join('');
}

function parse(text: string): string {
    return write(parseMarkdown(text));
}

test('paragraphs, headings, rules and quotes', () => {
    assert.equal(parse('One\ntwo\n\nthree'), '<p>One\ntwo</p><p>three</p>');
    assert.equal(parse('# Big #\n### Small\n###### Tiny'), '<h3>Big</h3><h5>Small</h5><h5>Tiny</h5>');
    assert.equal(
        parse('---\n> said\n> > twice'),
        '<hr></hr><blockquote><p>said</p><blockquote><p>twice</p></blockquote></blockquote>',
    );
});

test('emphasis, code and escapes', () => {
    assert.equal(
        parse('**bold** *soft* ~~gone~~ `a*b*`'),
        '<p><strong>bold</strong> <em>soft</em> <del>gone</del> <code>a*b*</code></p>',
    );
    assert.equal(parse('some_name_here 2 * 3 * 4 \\*no\\*'), '<p>some_name_here 2 * 3 * 4 *no*</p>');
    assert.equal(parse('``a`b`` and `open'), '<p><code>a`b</code> and `open</p>');
    assert.equal(parse('**both *of* them**'), '<p><strong>both <em>of</em> them</strong></p>');
});

test('code keeps every character, also while it still streams in', () => {
    const code = 'def f():\n    return "<b>" # *x*\n';
    assert.equal(
        parse(`\`\`\`python\n${code}\`\`\`\nafter`),
        `<pre><code>${escapeHtml(code.trimEnd())}</code></pre><p>after</p>`,
    );
    assert.equal(parse('~~~\nopen **x**'), '<pre><code>open **x**</code></pre>');
    assert.equal(parse('````\n```\n````'), '<pre><code>```</code></pre>');
});

test('lists with levels, numbers and code', () => {
    assert.equal(
        parse('- one\n- two\n  - inner\n\n1) first'),
        '<ul><li>one</li><li>two<ul><li>inner</li></ul></li></ul><ol><li>first</li></ol>',
    );
    assert.equal(parse('3. three\n4. four'), '<ol start="3"><li>three</li><li>four</li></ol>');
    assert.equal(parse('- run\n  ```\n  x = 1\n  ```'), '<ul><li><p>run</p><pre><code>x = 1</code></pre></li></ul>');
    assert.equal(parse('- a\n\n- b'), '<ul><li>a</li><li>b</li></ul>');
});

test('tables', () => {
    const table = parse('| a | b |\n| - | :-: |\n| 1 | x\\|y |\n| 2 |\n\nafter');
    assert.match(table, /<thead><tr><th>a<\/th><th>b<\/th><\/tr><\/thead>/);
    assert.match(table, /<tr><td>1<\/td><td>x\|y<\/td><\/tr><tr><td>2<\/td><td><\/td><\/tr>/);
    assert.equal(parse('a | b'), '<p>a | b</p>');
});

test('only links to web pages are links', () => {
    assert.equal(parse('[site](https://a.example/x "t")'), '<p><a href="https://a.example/x">site</a></p>');
    assert.equal(
        parse('see https://a.example/x.'),
        '<p>see <a href="https://a.example/x">https://a.example/x</a>.</p>',
    );
    for (const address of [
        'command:workbench.action.quit',
        'javascript:alert(1)',
        'data:text/html,x',
        'file:///etc/passwd',
        'vscode://x',
        '//x.example',
    ]) {
        const found = parse(`[click](${address}) <${address}>`);
        assert.doesNotMatch(found, /<a/, address);
        assert.match(found, new RegExp(`click \\(${address.replaceAll(/[.()]/g, '\\$&')}\\)`));
    }
});

test('an image loads nothing: it is its description and its address in words', () => {
    assert.equal(
        parse('![chart](https://evil.example/?q=secret)'),
        '<p>[image: chart, https://evil.example/?q=secret]</p>',
    );
});

test('HTML is text', () => {
    const found = parse('<script>alert(1)</script> <img src=x onerror=alert(1)>\n\n<iframe></iframe>');
    assert.doesNotMatch(found, /<(script|img|iframe)/);
    assert.match(found, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
});

test('entities are the characters that they stand for, but in code they are text', () => {
    assert.equal(
        parse('&lt;b> &amp;lt; &#42;x&#42; &#x41; &unknown; `&lt;`'),
        '<p>&lt;b&gt; &amp;lt; *x* A &amp;unknown; <code>&amp;lt;</code></p>',
    );
});

test('a link contains no other link', () => {
    assert.equal(
        parse('[https://a.example](https://b.example/)'),
        '<p><a href="https://b.example/"><strong>https://a.example</strong></a></p>',
    );
});

test('any text is parsed, quickly, and into links to web pages only', () => {
    const signs = [
        '*',
        '_',
        '`',
        '[',
        '](',
        ')',
        '!',
        '<',
        '>',
        '- ',
        '1. ',
        '> ',
        '|',
        '\n',
        '\n\n',
        '```',
        '~~',
        '#',
        '\\',
        'https://x',
        'a',
        ' ',
    ];
    let seed = 7;
    const random = () => {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        return seed / 2147483648;
    };
    const check = (node: Node): void => {
        if (typeof node !== 'string') {
            assert.match(node.href ?? 'https://', /^https?:\/\//);
            node.children.forEach(check);
        }
    };
    for (let round = 0; round < 2000; round += 1) {
        const text = Array.from({ length: 40 }, () => signs[Math.floor(random() * signs.length)]).join('');
        parseMarkdown(text).forEach(check);
    }
    const begun = Date.now();
    for (const sign of [...signs, '**a ', '[a](', '- a\n', '> > ', '`a', '![', '_a', '|-']) {
        parseMarkdown(sign.repeat(5000)).forEach(check);
    }
    assert.ok(Date.now() - begun < 5000);
});
