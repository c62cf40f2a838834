import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { Environment, EnvironmentError } from '../src/environment';

// A `uv` that creates Python and Starling as empty programs; `pip install` fails if UV_FAILS is set.
const UV = `#!/bin/sh
case "$1 $2" in
"venv --python") mkdir -p "$4/bin" && printf '#!/bin/sh\\n' >"$4/bin/python" ;;
"pip install")
    echo "asked for $5"
    [ -z "$UV_FAILS" ] || { echo 'No solution found: the index cannot be reached' >&2; exit 1; }
    printf '#!/bin/sh\\necho starling 1\\n' >"\${4%/python}/starling" && chmod +x "\${4%/python}/starling" ;;
esac
`;

async function prepareMachine(uv = UV) {
    const root = await mkdtemp(join(tmpdir(), 'environment-'));
    await mkdir(join(root, 'bin'));
    await writeFile(join(root, 'bin', 'uv'), uv);
    await chmod(join(root, 'bin', 'uv'), 0o755);
    process.env.PATH = `${join(root, 'bin')}:/usr/bin:/bin`;
    const folders = { storage: join(root, 'storage'), wheels: join(root, 'wheels'), version: '1.2.3' };
    const lines: string[] = [];
    const steps: string[] = [];
    const signal = new AbortController().signal;
    const installation = {
        log: (line: string) => lines.push(line),
        reportStep: (step: string) => steps.push(step),
        signal,
    };
    return { folders, installation, lines, steps };
}

test('an environment is created and checked, and its program exists', async () => {
    const { folders, installation, lines, steps } = await prepareMachine();
    const environment = new Environment(folders);
    await environment.create(installation);
    assert.ok(existsSync(environment.program));
    assert.ok(lines.includes('asked for starling-lsp==1.2.3'));
    assert.deepEqual(steps, [
        'creating an environment with uv',
        'installing starling-lsp and its dependencies',
        'checking that the server starts',
    ]);
});

test('a wheel that the extension carries is preferred to the index', async () => {
    const { folders, installation, lines } = await prepareMachine();
    await mkdir(folders.wheels);
    await writeFile(join(folders.wheels, 'starling_lsp-1.2.3-py3-none-any.whl'), '');
    await new Environment(folders).create(installation);
    assert.ok(lines.some((line) => line.endsWith('starling_lsp-1.2.3-py3-none-any.whl')));
});

test('a failed installation leaves nothing behind, and the error holds the last line of the output', async () => {
    const { folders, installation } = await prepareMachine();
    process.env.UV_FAILS = '1';
    try {
        const failing = new Environment(folders).create(installation);
        await assert.rejects(failing, (error) => {
            assert.ok(error instanceof EnvironmentError);
            assert.match(error.message, /No solution found: the index cannot be reached/);
            return true;
        });
        assert.deepEqual(readdirSync(folders.storage), []);
    } finally {
        delete process.env.UV_FAILS;
    }
});

test('environments of other versions are removed', async () => {
    const { folders, installation } = await prepareMachine();
    await mkdir(join(folders.storage, 'server-1.0.0', 'bin'), { recursive: true });
    await mkdir(join(folders.storage, 'other'));
    await new Environment(folders).create(installation);
    assert.deepEqual(readdirSync(folders.storage).sort(), ['other', 'server-1.2.3']);
});

test('without uv and a suitable Python, the error says what to install', async () => {
    const { folders, installation } = await prepareMachine();
    process.env.PATH = '/nowhere';
    await assert.rejects(new Environment(folders).create(installation), /neither uv nor a Python 3\.11 to 3\.14/);
});
