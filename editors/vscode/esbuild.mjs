// Bundles the extension into dist/extension.js; with "test", the unit tests into dist/test, for `node --test`.
import { readdirSync } from 'node:fs';
import { build } from 'esbuild';

const common = { bundle: true, platform: 'node', target: 'node20', format: 'cjs', logLevel: 'warning' };

if (process.argv.includes('test')) {
    const entryPoints = readdirSync('test').map((name) => `test/${name}`);
    await build({ ...common, entryPoints, outdir: 'dist/test', external: ['vscode'] });
} else {
    await build({
        ...common,
        entryPoints: ['src/extension.ts'],
        outfile: 'dist/extension.js',
        external: ['vscode'],
        minify: true,
        legalComments: 'none',
    });
}
