// A Python environment for the server in the extension's storage, created with uv, or with Python's venv and pip, from the
// wheel that the extension carries or from PyPI. Knows no editor; start at `Environment.create`.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createEnvironment, locateProgram } from './launch';

const PACKAGE = 'starling-lsp';
const PYTHONS = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.14', 'python'];
const CHECK = 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))';

/** Why the environment could not be created, in one sentence for a person. */
export class EnvironmentError extends Error {}

/** What an installation reports while it runs, and how to cancel it. */
export interface Installation {
    /** Report the current step, in a few words. */
    reportStep(message: string): void;
    /** Log a line that a program wrote. */
    log(line: string): void;
    readonly signal: AbortSignal;
}

export interface Folders {
    /** Where environments are created. */
    readonly storage: string;
    /** Where the extension carries its wheels; need not exist. */
    readonly wheels: string;
    /** The version of the extension, and so of the server that it installs. */
    readonly version: string;
}

export class Environment {
    readonly program: string;
    private readonly folder: string;

    constructor(private readonly folders: Folders) {
        this.folder = join(folders.storage, `server-${folders.version}`);
        this.program = getProgramPath(this.folder, 'starling');
    }

    /** Return what pip has to install: the path of the carried wheel, or the released version as `NAME==VERSION`. */
    getRequirement(): string {
        const carried = existsSync(this.folders.wheels) ? readdirSync(this.folders.wheels) : [];
        const wheel = carried.find((name) => name.startsWith('starling_lsp-') && name.endsWith('.whl'));
        return wheel === undefined ? `${PACKAGE}==${this.folders.version}` : join(this.folders.wheels, wheel);
    }

    /**
     * Create the environment, install the server into it and try to start it. Replaces an environment of this version,
     * removes those of other versions, and leaves nothing behind if a step fails.
     */
    async create(installation: Installation): Promise<void> {
        await mkdir(this.folders.storage, { recursive: true });
        await rm(this.folder, { recursive: true, force: true });
        try {
            await this.install(installation);
            installation.reportStep('checking that the server starts');
            await runProgram(this.program, ['--version'], installation);
        } catch (error) {
            await rm(this.folder, { recursive: true, force: true });
            throw error;
        }
        await this.removeOtherVersions();
    }

    private async install(installation: Installation): Promise<void> {
        const uv = await locateProgram('uv');
        if (uv !== undefined) {
            installation.reportStep('creating an environment with uv');
            await runProgram(uv, ['venv', '--python', '>=3.11,<3.15', this.folder], installation);
            installation.reportStep(`installing ${PACKAGE} and its dependencies`);
            await runProgram(
                uv,
                ['pip', 'install', '--python', getProgramPath(this.folder, 'python'), this.getRequirement()],
                installation,
            );
            return;
        }
        const python = await this.findPython(installation);
        installation.reportStep('creating an environment with venv');
        await runProgram(python, ['-m', 'venv', this.folder], installation);
        installation.reportStep(`installing ${PACKAGE} and its dependencies`);
        const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', this.getRequirement()];
        await runProgram(getProgramPath(this.folder, 'python'), pip, installation);
    }

    /** Return the path of the first Python on the PATH that is new enough and has venv. */
    private async findPython(installation: Installation): Promise<string> {
        for (const name of PYTHONS) {
            const path = await locateProgram(name);
            if (
                path !== undefined &&
                (await runProgram(path, ['-c', CHECK], installation).then(returnTrue, returnFalse))
            ) {
                return path;
            }
        }
        throw new EnvironmentError(
            'There is neither uv nor a Python 3.11 to 3.14 with venv on the PATH. Install one of them ' +
                '(on Debian and Ubuntu: apt install python3-venv).',
        );
    }

    private async removeOtherVersions(): Promise<void> {
        for (const name of readdirSync(this.folders.storage)) {
            const path = join(this.folders.storage, name);
            if (name.startsWith('server-') && path !== this.folder) {
                // renamed first: a server of another window may still run from this folder
                await rename(path, `${path}.old`).catch(() => undefined);
                await rm(`${path}.old`, { recursive: true, force: true }).catch(() => undefined);
            }
        }
    }
}

function getProgramPath(folder: string, program: string): string {
    return process.platform === 'win32' ? join(folder, 'Scripts', `${program}.exe`) : join(folder, 'bin', program);
}

const returnTrue = () => true;
const returnFalse = () => false;

/** Run a program and log its output; rejects with the last line of the output if the program fails. */
export function runProgram(program: string, args: readonly string[], installation: Installation): Promise<void> {
    installation.log(`$ ${[program, ...args].join(' ')}`);
    return new Promise((resolve, reject) => {
        let last = '';
        const env = createEnvironment(process.env);
        const child = spawn(program, args, { env, signal: installation.signal, stdio: ['ignore', 'pipe', 'pipe'] });
        for (const stream of [child.stdout, child.stderr]) {
            stream.setEncoding('utf8');
            stream.on('data', (piece: string) => {
                for (const line of piece.split(/\r?\n|\r/).filter((one) => one.trim() !== '')) {
                    last = line.trim();
                    installation.log(line);
                }
            });
        }
        child.on('error', (error) => reject(new EnvironmentError(`${program}: ${error.message}`)));
        child.on('close', (code) =>
            code === 0 ? resolve() : reject(new EnvironmentError(`${program} failed (${code ?? 'stopped'}). ${last}`)),
        );
    });
}
