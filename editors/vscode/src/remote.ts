// A server with accounts on another machine, which the installed program connects to (`starling connect`), and logins
// there (`starling login`). Knows no editor. Start at `connectTo`.

import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createEnvironment, type Launch, type Obstacle } from './launch';

const MOST_OUTPUT = 65_536;

/** The settings `starling.server.url` and its neighbours. */
export interface RemoteServer {
    readonly url: string;
    /** Where a person logs in. */
    readonly login: string;
    /** The file of certificates to trust; "" for those of the system. */
    readonly certificates: string;
    /** Folders of this machine, and the same ones on the server. */
    readonly folders: Readonly<Record<string, string>>;
}

/** What `starling login` said. */
export interface LoginResult {
    readonly succeeded: boolean;
    readonly message: string;
}

/** Return how to connect to the server with the program of `launch`, or why the settings do not allow it. */
export function connectTo(server: RemoteServer, launch: Launch): Launch | Obstacle {
    const problem = findProblem(server);
    if (problem !== '') {
        return { problem, remedies: ['server'] };
    }
    const maps = Object.entries(server.folders).map(([here, there]) => `--map=${expandHome(here)}=${there}`);
    const args = ['connect', server.url, `--login=${server.login}`, ...trust(server), ...maps];
    return { command: launch.command, args: [...findPrefix(launch), ...args], from: 'server' };
}

/** Return host and port of a server, "" if its address has none. */
export function nameServer(url: string): string {
    try {
        return new URL(url).host;
    } catch {
        return '';
    }
}

/**
 * Log in at the server with the program of `launch`, which gets name and password over its standard input: they are in no
 * argument and in no log.
 */
export function logIn(server: RemoteServer, launch: Launch, name: string, password: string): Promise<LoginResult> {
    return runLogin(server, launch, [], `${name}\n${password}\n`);
}

/** Log out, here and at the server, with the program of `launch`. */
export function logOut(server: RemoteServer, launch: Launch): Promise<LoginResult> {
    return runLogin(server, launch, ['--remove'], '');
}

function runLogin(
    server: RemoteServer,
    launch: Launch,
    options: readonly string[],
    input: string,
): Promise<LoginResult> {
    const args = [...findPrefix(launch), 'login', server.login, ...trust(server), ...options];
    return new Promise((resolve) => {
        const child = spawn(launch.command, args, { env: createEnvironment(process.env), stdio: 'pipe' });
        let said = '';
        const take = (data: Buffer) => {
            said = (said + data.toString()).slice(-MOST_OUTPUT);
        };
        child.stderr.on('data', take);
        child.stdout.resume();
        child.stdin.on('error', () => undefined); // the program has ended before it has read all
        child.once('error', (error) => resolve({ succeeded: false, message: error.message }));
        child.once('close', (status) => {
            const last = said.trim().split('\n').at(-1) ?? '';
            resolve({ succeeded: status === 0, message: last.replace(/^starling: /, '') });
        });
        child.stdin.end(input);
    });
}

function findProblem({ url, login, folders }: RemoteServer): string {
    if (!isSafe(url, 'wss:', 'ws:')) {
        return `The setting starling.server.url is ${url}, but it must be wss://HOST:PORT.`;
    }
    if (!isSafe(login, 'https:', 'http:')) {
        return `The setting starling.server.login is ${login || 'empty'}, but it must be https://HOST:PORT.`;
    }
    const wrong = Object.entries(folders).find(([, there]) => typeof there !== 'string' || there === '');
    return wrong === undefined
        ? ''
        : `The setting starling.server.folders names no folder of the server for ${wrong[0]}.`;
}

/** Return whether `address` is encrypted, or one of this machine. The program checks it once more. */
function isSafe(address: string, encrypted: string, plain: string): boolean {
    try {
        const { protocol, hostname } = new URL(address);
        return (
            protocol === encrypted || (protocol === plain && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname))
        );
    } catch {
        return false;
    }
}

function trust({ certificates }: RemoteServer): string[] {
    return certificates === '' ? [] : [`--ca=${expandHome(certificates)}`];
}

function expandHome(path: string): string {
    return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
}

/** Return the arguments before the program's own command: `["run", "starling"]` of `["run", "starling", "serve"]`. */
function findPrefix({ args }: Launch): readonly string[] {
    return args.includes('serve') ? args.slice(0, args.indexOf('serve')) : [];
}
