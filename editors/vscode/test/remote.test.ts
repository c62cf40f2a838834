import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { isObstacle, type Launch } from '../src/launch';
import { connectTo, logIn, logOut, nameServer, type RemoteServer } from '../src/remote';

const SERVER: RemoteServer = {
    url: 'wss://server.example.org:8765',
    login: 'https://server.example.org:8766',
    certificates: '',
    folders: {},
};
const LAUNCH: Launch = { command: '/bin/starling', args: ['serve'], from: 'path' };

test('the installed program connects to the server', () => {
    assert.deepEqual(connectTo(SERVER, LAUNCH), {
        command: '/bin/starling',
        args: ['connect', SERVER.url, `--login=${SERVER.login}`],
        from: 'server',
    });
    const folders = { '/home/ada/a=b': '/srv/code', '~/lib': '/opt/lib' };
    const found = connectTo(
        { ...SERVER, certificates: '~/ca.pem', folders },
        { command: '/bin/uv', args: ['run', 'starling', 'serve', '--no-resident'], from: 'setting' },
    );
    assert.ok(!isObstacle(found));
    assert.deepEqual(found.args.slice(0, 4), ['run', 'starling', 'connect', SERVER.url]);
    assert.deepEqual(found.args.slice(5), [
        `--ca=${join(homedir(), 'ca.pem')}`,
        '--map=/home/ada/a=b=/srv/code',
        `--map=${join(homedir(), 'lib')}=/opt/lib`,
    ]);
});

test('an address that is not encrypted, a missing one and a wrong folder are reported', () => {
    for (const [changes, said] of [
        [{ url: 'ws://server.example.org:1' }, /url is ws:/],
        [{ url: '--help' }, /wss:/],
        [{ login: '' }, /login is empty/],
        [{ login: 'http://server.example.org' }, /https:/],
        [{ folders: { '/a': '' } }, /folders names no folder/],
    ] as const) {
        const found = connectTo({ ...SERVER, ...changes }, LAUNCH);
        assert.ok(isObstacle(found) && said.test(found.problem));
    }
    assert.ok(!isObstacle(connectTo({ ...SERVER, url: 'ws://localhost:1', login: 'http://127.0.0.1:2' }, LAUNCH)));
});

test('a server is named by host and port', () => {
    assert.equal(nameServer(SERVER.url), 'server.example.org:8765');
    assert.equal(nameServer('nothing'), '');
});

async function writeProgram(body: string): Promise<Launch & { folder: string }> {
    const folder = await mkdtemp(join(tmpdir(), 'starling-'));
    const command = join(folder, 'starling');
    await writeFile(command, `#!/bin/sh\n${body}\n`);
    await chmod(command, 0o755);
    return { command, args: ['serve'], from: 'path', folder };
}

test('name and password go over standard input and into no argument', async () => {
    const program = await writeProgram(
        'cat > "$0.input"; echo "$@" > "$0.arguments"; echo "starling: ada is logged in" >&2',
    );
    const result = await logIn(SERVER, program, 'ada', 'a secret');
    assert.deepEqual(result, { succeeded: true, message: 'ada is logged in' });
    assert.equal(await readFile(`${program.command}.input`, 'utf8'), 'ada\na secret\n');
    assert.equal(await readFile(`${program.command}.arguments`, 'utf8'), `login ${SERVER.login}\n`);
});

test('a refused login, a logout and a program that does not start', async () => {
    const program = await writeProgram('echo "starling: The server refuses: $3." >&2; exit 1');
    assert.deepEqual(await logOut(SERVER, program), { succeeded: false, message: 'The server refuses: --remove.' });
    const missing = await logIn(SERVER, { ...program, command: join(program.folder, 'none') }, 'ada', 'x');
    assert.ok(!missing.succeeded && missing.message.includes('ENOENT'));
});
