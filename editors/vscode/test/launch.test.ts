import assert from 'node:assert/strict';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { createEnvironment, findServer, locateProgram } from '../src/launch';

function describeMachine(programs: readonly string[], configured: readonly string[] = []) {
    return {
        configured,
        own: '/own/starling',
        locate: async (name: string) => programs.find((one) => one.endsWith(name)),
    };
}

test('the configured program comes first, with its own arguments', async () => {
    const surroundings = describeMachine(['/opt/starling', '/usr/bin/starling'], ['/opt/starling', 'serve', '--stdio']);
    assert.deepEqual(await findServer(surroundings), {
        command: '/opt/starling',
        args: ['serve', '--stdio'],
        from: 'setting',
    });
});

test('a configured program without arguments is started with `serve`', async () => {
    assert.deepEqual(await findServer(describeMachine(['/opt/starling'], ['/opt/starling'])), {
        command: '/opt/starling',
        args: ['serve'],
        from: 'setting',
    });
});

test('a missing configured program is reported, and no other is used', async () => {
    const obstacle = await findServer(describeMachine(['/usr/bin/starling'], ['/opt/sparrow']));
    assert.ok('problem' in obstacle);
    assert.match(obstacle.problem, /\/opt\/sparrow.* no such program/);
    assert.deepEqual(obstacle.remedies, ['setting']);
});

test('the PATH comes second, the own environment third', async () => {
    const both = await findServer(describeMachine(['/usr/bin/starling', '/own/starling']));
    assert.deepEqual(both, { command: '/usr/bin/starling', args: ['serve'], from: 'path' });
    const surroundings = {
        ...describeMachine([]),
        locate: async (name: string) => (name === '/own/starling' ? name : undefined),
    };
    assert.deepEqual(await findServer(surroundings), {
        command: '/own/starling',
        args: ['serve'],
        from: 'environment',
    });
});

test('a machine without Starling gets one sentence and two ways to install it', async () => {
    const obstacle = await findServer(describeMachine([]));
    assert.ok('problem' in obstacle);
    assert.deepEqual(obstacle.remedies, ['install', 'setting']);
});

test('a program is only looked up in absolute folders of the PATH, never in one that could be a workspace', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'launch-'));
    const program = join(folder, 'starling-of-a-test');
    await writeFile(program, '#!/bin/sh\n');
    const before = process.env.PATH;
    try {
        process.env.PATH = ['.', '', folder].join(':');
        assert.equal(await locateProgram('starling-of-a-test'), undefined, 'it is not executable');
        await chmod(program, 0o755);
        assert.equal(await locateProgram('starling-of-a-test'), program);
        assert.equal(await locateProgram('./starling-of-a-test'), undefined);
        assert.equal(await locateProgram(program), program);
    } finally {
        process.env.PATH = before;
    }
});

test("Python's own variables are emptied and kept under other names; all others stay", () => {
    const given = { PATH: '/bin', PYTHONPATH: '.', PYTHONHOME: '/x', PYTHONSAFEPATH: '' };
    assert.deepEqual(createEnvironment(given), {
        PATH: '/bin',
        PYTHONPATH: '',
        PYTHONHOME: '',
        PYTHONSAFEPATH: '',
        STARLING_KEPT_PYTHONPATH: '.',
        STARLING_KEPT_PYTHONHOME: '/x',
    });
});
