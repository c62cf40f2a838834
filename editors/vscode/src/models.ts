// Chooses and downloads models with the server's command line. Start at `Models.choose`.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type QuickPickItem, Uri, window, workspace } from 'vscode';
import { createSeparator } from './separators';
import type { Service } from './service';

interface InstalledModel {
    readonly name: string;
    readonly chosen: boolean;
    readonly roles: readonly string[];
    readonly parameters: number;
    readonly licence: string;
    readonly problem: string;
}

interface PublishedModel {
    readonly name: string;
    readonly roles: readonly string[];
    readonly parameters: number;
    readonly licence: string;
    readonly bytes_int8: number;
}

type Choice = QuickPickItem & { readonly does?: () => Promise<void> };

const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 20_000_000;

export class Models {
    constructor(private readonly service: Service) {}

    /** Let a person choose the model for completions; an installed one is used at once, others are downloaded. */
    async choose(): Promise<void> {
        const [installed, published] = await Promise.all([
            this.readJson<{ models: InstalledModel[] }>('models', 'list', '--json'),
            this.readJson<{ models: PublishedModel[] }>('models', 'list', '--available', '--json'),
        ]);
        const usable = installed.models.filter((one) => one.roles.includes('completion'));
        const names = new Set(usable.map((one) => one.name));
        const others = published.models.filter((one) => one.roles.includes('completion') && !names.has(one.name));
        const choices: Choice[] = [
            createSeparator('On this machine'),
            ...usable.map((one) => this.createInstalledChoice(one)),
            createSeparator('Download'),
            ...others.map((one) => this.createDownloadChoice(one)),
            createSeparator('Elsewhere'),
            {
                label: '$(server) Ollama or a remote endpoint…',
                description: 'set in your settings.toml only, since it decides where your code is sent',
                does: () => this.openSettingsFile(),
            },
        ];
        const picked = await window.showQuickPick(choices, {
            title: 'The model that writes completions',
            matchOnDescription: true,
        });
        await picked?.does?.();
    }

    /**
     * Open the person's settings.toml, which has settings that no editor may change. If the file does not exist, an unsaved
     * one with examples is opened.
     */
    async openSettingsFile(): Promise<void> {
        const { checks } = await this.readJson<{ checks: { part: string; facts: { file?: string } }[] }>(
            'doctor',
            '--json',
        );
        const file = checks.find((one) => one.part === 'settings')?.facts.file;
        if (file === undefined) {
            return;
        }
        const uri = Uri.file(file);
        const exists = await workspace.fs.stat(uri).then(
            () => true,
            () => false,
        );
        const document = await workspace.openTextDocument(exists ? uri : uri.with({ scheme: 'untitled' }));
        const editor = await window.showTextDocument(document);
        if (!exists) {
            await editor.edit((edit) => edit.insert(document.positionAt(0), EXAMPLES));
        }
    }

    /** Download a model and use it for completions, in a terminal that shows the progress. */
    download(name: string): void {
        this.runInTerminal(
            (starling) => `${starling} models pull ${name} && ${starling} models use completion ${name}`,
        );
    }

    /** Measure this machine and recommend models, in a terminal, since the output names commands to copy. */
    recommend(): void {
        this.runInTerminal((starling) => `${starling} models recommend`);
    }

    /** Run the command line that `createLine` returns, given the quoted path of the program, in a new terminal. */
    private runInTerminal(createLine: (starling: string) => string): void {
        const program = this.requireProgram();
        const terminal = window.createTerminal('Starling');
        terminal.show();
        terminal.sendText(createLine(/[^\w./:\\-]/.test(program) ? `"${program}"` : program));
    }

    private createInstalledChoice(one: InstalledModel): Choice {
        return {
            label: `${one.chosen ? '$(check)' : '$(blank)'} ${one.name}`,
            description: `${formatSize(one.parameters)}, ${one.licence}`,
            ...(one.problem === '' ? {} : { detail: one.problem }),
            does: async () => {
                await this.runProgram('models', 'use', 'completion', one.name);
                await this.service.restart();
            },
        };
    }

    private createDownloadChoice(one: PublishedModel): Choice {
        const bytes = (one.bytes_int8 / 1e9).toFixed(1);
        return {
            label: `$(cloud-download) ${one.name}`,
            description: `${formatSize(one.parameters)}, ${bytes} GB, ${one.licence}`,
            does: async () => this.download(one.name),
        };
    }

    private requireProgram(): string {
        const program = this.service.launch?.command;
        if (program === undefined) {
            throw new Error("Starling's server has not been started yet. Start it, then choose a model.");
        }
        return program;
    }

    /** Run a command of the server's program, and parse the JSON that it prints. */
    private async readJson<R>(...args: string[]): Promise<R> {
        // `doctor` prints its answer, and exits with an error status if it found a problem
        const output = await this.runProgram(...args).catch((error: { stdout?: string }) => {
            if (!error.stdout) {
                throw error;
            }
            return error.stdout;
        });
        return JSON.parse(output) as R;
    }

    private async runProgram(...args: string[]): Promise<string> {
        const result = await promisify(execFile)(this.requireProgram(), args, {
            timeout: TIMEOUT_MS,
            maxBuffer: MAX_OUTPUT_BYTES,
        });
        return result.stdout;
    }
}

const EXAMPLES = `# Starling's settings file. Some settings, such as where your code is sent, cannot be set in an editor or a workspace.
# A chat model on this machine (Ollama), or elsewhere:
# [chat]
# url = "http://localhost:11434/v1"
# model = "qwen2.5-coder:7b"
# key_env = "OPENAI_API_KEY"        # the name of a variable that holds the key

# A server with OpenAI's completions API, instead of a model in Starling itself:
# [model]
# host = "http://localhost:8000/v1"
`;

function formatSize(parameters: number): string {
    return parameters >= 1e9
        ? `${(parameters / 1e9).toFixed(1)} B parameters`
        : `${Math.round(parameters / 1e6)} M parameters`;
}
