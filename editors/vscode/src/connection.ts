// The connection to a server that is already running, at an address from the settings, with the token that it asks for.
// Starts no program. Start at `resolveAddress`.

import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Launch, Obstacle } from './launch';

const ADDRESS = /^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/;

/**
 * Return how to reach the server of the settings `starling.server.address` and `starling.server.tokenFile`, with the token
 * read from the file, or the obstacle. Does not connect.
 */
export async function resolveAddress(address: string, tokenFile: string): Promise<Launch | Obstacle> {
    if (!ADDRESS.test(address)) {
        return {
            problem: `The setting starling.server.address is ${address}, but it must be HOST:PORT.`,
            remedies: ['setting'],
        };
    }
    const file = tokenFile.startsWith('~/') ? join(homedir(), tokenFile.slice(2)) : tokenFile;
    try {
        const token = (await readFile(file, 'ascii')).trim();
        return { command: address, args: [], from: 'address', token };
    } catch {
        return {
            problem: `The token of the server at ${address} cannot be read from ${file} (starling.server.tokenFile).`,
            remedies: ['setting'],
        };
    }
}

/** Connect to `HOST:PORT`; resolves to the reader and writer that the client library expects. */
export function openConnection(address: string): Promise<{ reader: Socket; writer: Socket }> {
    const [, numbers, name, port] = ADDRESS.exec(address) ?? [];
    return new Promise((resolve, reject) => {
        const socket = connect({ host: numbers ?? name, port: Number(port) });
        socket.once('connect', () => resolve({ reader: socket, writer: socket }));
        socket.once('error', reject);
    });
}
