// A server that runs already: at an address that a person named, for whoever knows its token.
// Nothing here starts a program. Start at `reached`.

import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Launch, Obstacle } from './launch';

const ADDRESS = /^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/;

/** The server of the settings `starling.server.address` and `starling.server.tokenFile`. */
export async function reached(address: string, tokenFile: string): Promise<Launch | Obstacle> {
    if (!ADDRESS.test(address)) {
        return { problem: `starling.server.address is ${address}, and not HOST:PORT.`, mends: ['setting'] };
    }
    const file = tokenFile.startsWith('~/') ? join(homedir(), tokenFile.slice(2)) : tokenFile;
    try {
        const token = (await readFile(file, 'ascii')).trim();
        return { command: address, args: [], from: 'address', token };
    } catch {
        return {
            problem: `The token of the server at ${address} cannot be read from ${file} (starling.server.tokenFile).`,
            mends: ['setting'],
        };
    }
}

/** A connection to `HOST:PORT`, as the client library wants it. */
export function stream(address: string): Promise<{ reader: Socket; writer: Socket }> {
    const [, numbers, name, port] = ADDRESS.exec(address) ?? [];
    return new Promise((resolve, reject) => {
        const socket = connect({ host: numbers ?? name, port: Number(port) });
        socket.once('connect', () => resolve({ reader: socket, writer: socket }));
        socket.once('error', reject);
    });
}
