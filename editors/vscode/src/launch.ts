// Finds the server's program: the configured one, `starling` on the PATH, or the one in the extension's own environment.
// Starts nothing. Start at `findServer`.

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';

export interface Launch {
    readonly command: string;
    readonly args: readonly string[];
    readonly from: 'setting' | 'path' | 'environment' | 'address' | 'server';
    /** The token of a server that is already running; `command` is then its address. */
    readonly token?: string;
}

export type Remedy = 'install' | 'setting' | 'log' | 'restart' | 'server' | 'login';

/** Why the server cannot run, in one sentence for a person, and what the person can do about it. */
export interface Obstacle {
    readonly problem: string;
    readonly remedies: readonly Remedy[];
}

export interface Surroundings {
    /** The setting `starling.server.command`: program and arguments; [] if it is not set. */
    readonly configured: readonly string[];
    /** The program in the extension's own environment; need not exist. */
    readonly own: string;
    /** Return the absolute path of an executable program; undefined if there is none. */
    locate(program: string): Promise<string | undefined>;
}

export function isObstacle(result: Launch | Obstacle): result is Obstacle {
    return 'problem' in result;
}

/** Return how to start the server, or why that is not possible. A configured program has no fallback. */
export async function findServer(surroundings: Surroundings): Promise<Launch | Obstacle> {
    const [program, ...rest] = surroundings.configured;
    if (program !== undefined) {
        const command = await surroundings.locate(program);
        if (command === undefined) {
            return {
                problem: `The setting starling.server.command names ${program}, but there is no such program.`,
                remedies: ['setting'],
            };
        }
        return { command, args: rest.length > 0 ? rest : ['serve'], from: 'setting' };
    }
    const onPath = await surroundings.locate('starling');
    if (onPath !== undefined) {
        return { command: onPath, args: ['serve'], from: 'path' };
    }
    const own = await surroundings.locate(surroundings.own);
    if (own !== undefined) {
        return { command: own, args: ['serve'], from: 'environment' };
    }
    return {
        problem: "Starling's server is not on this machine yet, so there are no suggestions.",
        remedies: ['install', 'setting'],
    };
}

/**
 * Return the environment for the server: Python's own variables are emptied, and kept as `STARLING_KEPT_...` for the tests
 * that the server runs.
 *
 * Otherwise Python would run a `sitecustomize` from a folder in PYTHONPATH before the server could prevent that.
 */
export function createEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    const changed: NodeJS.ProcessEnv = { ...given };
    for (const [name, value] of Object.entries(given)) {
        if (name.startsWith('PYTHON') && value !== undefined && value !== '') {
            changed[name] = ''; // Python treats an empty variable as unset
            changed[`STARLING_KEPT_${name}`] = value;
        }
    }
    return changed;
}

export function describeMachine(configured: readonly string[], own: string): Surroundings {
    return { configured, own, locate: locateProgram };
}

/**
 * Return the absolute path of an executable program; undefined if there is none. A name is looked up on the PATH, a leading
 * `~` is the home folder, and a relative path is never found: it could lead into a workspace.
 */
export async function locateProgram(program: string): Promise<string | undefined> {
    const path = program.startsWith('~/') ? join(homedir(), program.slice(2)) : program;
    const endings = process.platform === 'win32' ? ['', '.exe', '.cmd', '.bat'] : [''];
    const folders = isAbsolute(path) ? [''] : (process.env.PATH ?? '').split(delimiter).filter(isAbsolute);
    if (!isAbsolute(path) && /[\\/]/.test(path)) {
        return undefined;
    }
    for (const folder of folders) {
        for (const ending of endings) {
            const candidate = (folder === '' ? path : join(folder, path)) + ending;
            if (await isExecutable(candidate)) {
                return candidate;
            }
        }
    }
    return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
    try {
        await access(path, process.platform === 'win32' ? constants.F_OK : constants.X_OK);
        return true;
    } catch {
        return false;
    }
}
