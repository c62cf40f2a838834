// Where the server's program is: what a person configured, `starling` on the PATH, or an environment of our own.
// Decides by what it is told and starts nothing; `surroundings` looks at the real machine. Start at `found`.

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';

export interface Launch {
    readonly command: string;
    readonly args: readonly string[];
    readonly from: 'setting' | 'path' | 'environment' | 'address';
    /** Of a server that runs already at the address which `command` is then. */
    readonly token?: string;
}

export type Mend = 'install' | 'setting' | 'log' | 'restart';

/** Why the server cannot run, in one sentence for a person, and what mends it. */
export interface Obstacle {
    readonly problem: string;
    readonly mends: readonly Mend[];
}

export interface Surroundings {
    /** The setting `starling.server.command`: program and arguments, [] for none. */
    readonly configured: readonly string[];
    /** The program of our own environment, whether it is there or not. */
    readonly own: string;
    /** The absolute path of a program that can be started, undefined where there is none. */
    locate(program: string): Promise<string | undefined>;
}

export function isObstacle(found: Launch | Obstacle): found is Obstacle {
    return 'problem' in found;
}

export async function found(look: Surroundings): Promise<Launch | Obstacle> {
    const [program, ...rest] = look.configured;
    if (program !== undefined) {
        const command = await look.locate(program);
        if (command === undefined) {
            return {
                problem: `Starling is set to start ${program} (starling.server.command), and there is no such program.`,
                mends: ['setting'],
            };
        }
        return { command, args: rest.length > 0 ? rest : ['serve'], from: 'setting' };
    }
    const onPath = await look.locate('starling');
    if (onPath !== undefined) {
        return { command: onPath, args: ['serve'], from: 'path' };
    }
    const own = await look.locate(look.own);
    if (own !== undefined) {
        return { command: own, args: ['serve'], from: 'environment' };
    }
    return {
        problem: "Starling's server is not on this machine yet, so there are no suggestions.",
        mends: ['install', 'setting'],
    };
}

/**
 * An environment for the server without Python's own variables; the tests that it runs get them back.
 *
 * Python would run a `sitecustomize` of the folder that PYTHONPATH names before the server can say no.
 */
export function environment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    const changed: NodeJS.ProcessEnv = { ...given };
    for (const [name, value] of Object.entries(given)) {
        if (name.startsWith('PYTHON') && value !== undefined && value !== '') {
            changed[name] = ''; // which is none to Python
            changed[`STARLING_KEPT_${name}`] = value;
        }
    }
    return changed;
}

export function surroundings(configured: readonly string[], own: string): Surroundings {
    return { configured, own, locate };
}

/** `program` if it is a path, else the first of that name on the PATH; `~` is the person's folder. */
export async function locate(program: string): Promise<string | undefined> {
    const path = program.startsWith('~/') ? join(homedir(), program.slice(2)) : program;
    const endings = process.platform === 'win32' ? ['', '.exe', '.cmd', '.bat'] : [''];
    const folders = isAbsolute(path) ? [''] : (process.env.PATH ?? '').split(delimiter).filter(isAbsolute);
    if (!isAbsolute(path) && /[\\/]/.test(path)) {
        return undefined; // relative to what? never to a workspace
    }
    for (const folder of folders) {
        for (const ending of endings) {
            const candidate = (folder === '' ? path : join(folder, path)) + ending;
            if (await canStart(candidate)) {
                return candidate;
            }
        }
    }
    return undefined;
}

async function canStart(path: string): Promise<boolean> {
    try {
        await access(path, process.platform === 'win32' ? constants.F_OK : constants.X_OK);
        return true;
    } catch {
        return false;
    }
}
