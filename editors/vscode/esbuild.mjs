// Bundles the extension into dist/extension.js, and the script of the chat view's page into dist/chat.js; with "test", the unit tests into dist/test, for `node --test`.
import { readdirSync } from 'node:fs';
import { build } from 'esbuild';

const common = { bundle: true, platform: 'node', target: 'node20', format: 'cjs', logLevel: 'warning' };

if (process.argv.includes('test')) {
    const entryPoints = readdirSync('test').map((name) => `test/${name}`);
    await build({ ...common, entryPoints, outdir: 'dist/test', external: ['vscode'] });
} else {
    const small = { minify: true, legalComments: 'none' };
    await build({
        ...common,
        ...small,
        entryPoints: ['src/extension.ts'],
        outfile: 'dist/extension.js',
        external: ['vscode'],
    });
    await build({
        ...common,
        ...small,
        entryPoints: ['page/chat.ts'],
        outfile: 'dist/chat.js',
        platform: 'browser',
        format: 'iife',
        target: 'es2022',
    });
}
