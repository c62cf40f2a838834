// An environment of our own for the server, below the extension's storage: made with uv, or with Python's venv and pip,
// from the wheel that the extension carries or from PyPI. Knows no editor; start at `Environment.make`.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { environment, locate } from './launch';

const PACKAGE = 'starling-lsp';
const PYTHONS = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.14', 'python'];
const CHECK = 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))';

/** Why it could not be made, in one sentence for a person. */
export class EnvironmentError extends Error {}

export interface Making {
    /** What is being done, in a few words. */
    step(message: string): void;
    /** A line that a program wrote. */
    log(line: string): void;
    readonly signal: AbortSignal;
}

export interface Places {
    /** The folder for environments. */
    readonly storage: string;
    /** The folder of the wheels that the extension carries; need not exist. */
    readonly wheels: string;
    /** The version of the extension, which is that of the server it wants. */
    readonly version: string;
}

export class Environment {
    readonly program: string;
    private readonly folder: string;

    constructor(private readonly places: Places) {
        this.folder = join(places.storage, `server-${places.version}`);
        this.program = scripts(this.folder, 'starling');
    }

    /** What pip is asked for: the wheel that is carried, or the released version. */
    requirement(): string {
        const carried = existsSync(this.places.wheels) ? readdirSync(this.places.wheels) : [];
        const wheel = carried.find((name) => name.startsWith('starling_lsp-') && name.endsWith('.whl'));
        return wheel === undefined ? `${PACKAGE}==${this.places.version}` : join(this.places.wheels, wheel);
    }

    /** Make it, whole or not at all: what was begun stands aside until it works. */
    async make(making: Making): Promise<void> {
        await mkdir(this.places.storage, { recursive: true });
        await rm(this.folder, { recursive: true, force: true });
        try {
            await this.fill(making);
            making.step('trying it');
            await run(this.program, ['--version'], making);
        } catch (error) {
            await rm(this.folder, { recursive: true, force: true });
            throw error;
        }
        await this.tidy();
    }

    private async fill(making: Making): Promise<void> {
        const uv = await locate('uv');
        if (uv !== undefined) {
            making.step('making an environment with uv');
            await run(uv, ['venv', '--python', '>=3.11,<3.15', this.folder], making);
            making.step(`installing ${PACKAGE} and what it needs`);
            await run(uv, ['pip', 'install', '--python', scripts(this.folder, 'python'), this.requirement()], making);
            return;
        }
        const python = await this.python(making);
        making.step('making an environment with venv');
        await run(python, ['-m', 'venv', this.folder], making);
        making.step(`installing ${PACKAGE} and what it needs`);
        const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', this.requirement()];
        await run(scripts(this.folder, 'python'), pip, making);
    }

    private async python(making: Making): Promise<string> {
        for (const name of PYTHONS) {
            const path = await locate(name);
            if (path !== undefined && (await run(path, ['-c', CHECK], making).then(yes, no))) {
                return path;
            }
        }
        throw new EnvironmentError(
            'There is neither uv nor a Python 3.11 to 3.14 with venv on the PATH; install one of them ' +
                '(on Debian and Ubuntu: apt install python3-venv).',
        );
    }

    /** Environments of other versions are not needed any more. */
    private async tidy(): Promise<void> {
        for (const name of readdirSync(this.places.storage)) {
            const path = join(this.places.storage, name);
            if (name.startsWith('server-') && path !== this.folder) {
                // moved away first: a server of another window may still run from there
                await rename(path, `${path}.old`).catch(() => undefined);
                await rm(`${path}.old`, { recursive: true, force: true }).catch(() => undefined);
            }
        }
    }
}

function scripts(folder: string, program: string): string {
    return process.platform === 'win32' ? join(folder, 'Scripts', `${program}.exe`) : join(folder, 'bin', program);
}

const yes = () => true;
const no = () => false;

/** Run a program to its end; what it writes goes to the log, and the last line of it into the error. */
export function run(program: string, args: readonly string[], making: Making): Promise<void> {
    making.log(`$ ${[program, ...args].join(' ')}`);
    return new Promise((resolve, reject) => {
        let last = '';
        const env = environment(process.env);
        const child = spawn(program, args, { env, signal: making.signal, stdio: ['ignore', 'pipe', 'pipe'] });
        for (const stream of [child.stdout, child.stderr]) {
            stream.setEncoding('utf8');
            stream.on('data', (piece: string) => {
                for (const line of piece.split(/\r?\n|\r/).filter((one) => one.trim() !== '')) {
                    last = line.trim();
                    making.log(line);
                }
            });
        }
        child.on('error', (error) => reject(new EnvironmentError(`${program}: ${error.message}`)));
        child.on('close', (code) =>
            code === 0 ? resolve() : reject(new EnvironmentError(`${program} failed (${code ?? 'stopped'}). ${last}`)),
        );
    });
}
