import assert from 'node:assert/strict';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { environment, found, locate } from '../src/launch';

function machine(programs: readonly string[], configured: readonly string[] = []) {
    return {
        configured,
        own: '/own/starling',
        locate: async (name: string) => programs.find((one) => one.endsWith(name)),
    };
}

test('what is configured comes first, with its own arguments', async () => {
    const look = machine(['/opt/starling', '/usr/bin/starling'], ['/opt/starling', 'serve', '--stdio']);
    assert.deepEqual(await found(look), { command: '/opt/starling', args: ['serve', '--stdio'], from: 'setting' });
});

test('a configured program alone serves', async () => {
    assert.deepEqual(await found(machine(['/opt/starling'], ['/opt/starling'])), {
        command: '/opt/starling',
        args: ['serve'],
        from: 'setting',
    });
});

test('a configured program that is not there is said, and no other is taken', async () => {
    const told = await found(machine(['/usr/bin/starling'], ['/opt/sparrow']));
    assert.ok('problem' in told);
    assert.match(told.problem, /\/opt\/sparrow .*no such program/);
    assert.deepEqual(told.mends, ['setting']);
});

test('then the PATH, then our own environment', async () => {
    const both = await found(machine(['/usr/bin/starling', '/own/starling']));
    assert.deepEqual(both, { command: '/usr/bin/starling', args: ['serve'], from: 'path' });
    const look = { ...machine([]), locate: async (name: string) => (name === '/own/starling' ? name : undefined) };
    assert.deepEqual(await found(look), { command: '/own/starling', args: ['serve'], from: 'environment' });
});

test('a machine without Starling gets one sentence and the way to have it', async () => {
    const told = await found(machine([]));
    assert.ok('problem' in told);
    assert.deepEqual(told.mends, ['install', 'setting']);
});

test('a program is looked for on the PATH alone, never in a folder that a workspace could be', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'launch-'));
    const program = join(folder, 'starling-of-a-test');
    await writeFile(program, '#!/bin/sh\n');
    const before = process.env.PATH;
    try {
        process.env.PATH = ['.', '', folder].join(':');
        assert.equal(await locate('starling-of-a-test'), undefined, 'it cannot be started');
        await chmod(program, 0o755);
        assert.equal(await locate('starling-of-a-test'), program);
        assert.equal(await locate('./starling-of-a-test'), undefined);
        assert.equal(await locate(program), program);
    } finally {
        process.env.PATH = before;
    }
});

test("Python's own variables do not reach the server as such, and everything else does", () => {
    const given = { PATH: '/bin', PYTHONPATH: '.', PYTHONHOME: '/x', PYTHONSAFEPATH: '' };
    assert.deepEqual(environment(given), {
        PATH: '/bin',
        PYTHONPATH: '',
        PYTHONHOME: '',
        PYTHONSAFEPATH: '',
        STARLING_KEPT_PYTHONPATH: '.',
        STARLING_KEPT_PYTHONHOME: '/x',
    });
});
