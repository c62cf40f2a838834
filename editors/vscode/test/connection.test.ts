import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { openConnection, resolveAddress } from '../src/connection';

test('a running server is named by its address, and its token is read from the file', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'starling-')), 'token');
    await writeFile(file, 'secret\n');
    const found = await resolveAddress('[::1]:7000', file);
    assert.deepEqual(found, { command: '[::1]:7000', args: [], from: 'address', token: 'secret' });
});

test('a malformed address and a missing token file are reported', async () => {
    for (const [address, file, said] of [
        ['nowhere', '', /HOST:PORT/],
        ['http://127.0.0.1:7000', '', /HOST:PORT/],
        ['127.0.0.1:7000', '/no/such/file', /cannot be read/],
    ] as const) {
        const found = await resolveAddress(address, file);
        assert.ok('problem' in found && said.test(found.problem));
    }
});

test('data reaches the server, and an address without a server is an error', async () => {
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await new Promise((listening) => server.once('listening', listening));
    const { port } = server.address() as AddressInfo;
    const { reader, writer } = await openConnection(`127.0.0.1:${port}`);
    writer.write('hello');
    const [answer] = await new Promise<[Buffer]>((come) => reader.once('data', (data) => come([data])));
    assert.equal(String(answer), 'hello');
    writer.destroy();
    await new Promise((closed) => server.close(closed));
    await assert.rejects(openConnection(`127.0.0.1:${port}`));
});
