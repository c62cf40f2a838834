import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { Environment, EnvironmentError } from '../src/environment';

// A `uv` that makes the two programs it is asked for, or fails as it is told.
const UV = `#!/bin/sh
case "$1 $2" in
"venv --python") mkdir -p "$4/bin" && printf '#!/bin/sh\\n' >"$4/bin/python" ;;
"pip install")
    echo "asked for $5"
    [ -z "$UV_FAILS" ] || { echo 'No solution found: the index cannot be reached' >&2; exit 1; }
    printf '#!/bin/sh\\necho starling 1\\n' >"\${4%/python}/starling" && chmod +x "\${4%/python}/starling" ;;
esac
`;

async function machine(uv = UV) {
    const root = await mkdtemp(join(tmpdir(), 'environment-'));
    await mkdir(join(root, 'bin'));
    await writeFile(join(root, 'bin', 'uv'), uv);
    await chmod(join(root, 'bin', 'uv'), 0o755);
    process.env.PATH = `${join(root, 'bin')}:/usr/bin:/bin`;
    const places = { storage: join(root, 'storage'), wheels: join(root, 'wheels'), version: '1.2.3' };
    const lines: string[] = [];
    const steps: string[] = [];
    const signal = new AbortController().signal;
    const making = { log: (line: string) => lines.push(line), step: (step: string) => steps.push(step), signal };
    return { places, making, lines, steps };
}

test('an environment is made, tried, and found by its program', async () => {
    const { places, making, lines, steps } = await machine();
    const environment = new Environment(places);
    await environment.make(making);
    assert.ok(existsSync(environment.program));
    assert.ok(lines.includes('asked for starling-lsp==1.2.3'));
    assert.deepEqual(steps, [
        'making an environment with uv',
        'installing starling-lsp and what it needs',
        'trying it',
    ]);
});

test('a wheel that the extension carries is taken before the index', async () => {
    const { places, making, lines } = await machine();
    await mkdir(places.wheels);
    await writeFile(join(places.wheels, 'starling_lsp-1.2.3-py3-none-any.whl'), '');
    await new Environment(places).make(making);
    assert.ok(lines.some((line) => line.endsWith('starling_lsp-1.2.3-py3-none-any.whl')));
});

test('what fails leaves nothing behind, and the last line says why', async () => {
    const { places, making } = await machine();
    process.env.UV_FAILS = '1';
    try {
        const failing = new Environment(places).make(making);
        await assert.rejects(failing, (error) => {
            assert.ok(error instanceof EnvironmentError);
            assert.match(error.message, /No solution found: the index cannot be reached/);
            return true;
        });
        assert.deepEqual(readdirSync(places.storage), []);
    } finally {
        delete process.env.UV_FAILS;
    }
});

test('environments of other versions are cleared away', async () => {
    const { places, making } = await machine();
    await mkdir(join(places.storage, 'server-1.0.0', 'bin'), { recursive: true });
    await mkdir(join(places.storage, 'other'));
    await new Environment(places).make(making);
    assert.deepEqual(readdirSync(places.storage).sort(), ['other', 'server-1.2.3']);
});

test('without uv and a Python that will do, a person is told what to install', async () => {
    const { places, making } = await machine();
    process.env.PATH = '/nowhere';
    await assert.rejects(new Environment(places).make(making), /neither uv nor a Python 3\.11 to 3\.14/);
});
