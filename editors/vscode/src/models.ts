// Choosing and fetching a model, by the server's own command line. Start at `Models.choose`.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type QuickPickItem, QuickPickItemKind, Uri, window, workspace } from 'vscode';
import type { Service } from './service';

interface Here {
    readonly name: string;
    readonly chosen: boolean;
    readonly roles: readonly string[];
    readonly parameters: number;
    readonly licence: string;
    readonly problem: string;
}

interface Available {
    readonly name: string;
    readonly roles: readonly string[];
    readonly parameters: number;
    readonly licence: string;
    readonly bytes_int8: number;
}

type Choice = QuickPickItem & { readonly does?: () => Promise<void> };

const WAIT_MS = 60_000;
const BYTES = 20_000_000;

export class Models {
    constructor(private readonly service: Service) {}

    async choose(): Promise<void> {
        const [here, available] = await Promise.all([
            this.told<{ models: Here[] }>('models', 'list', '--json'),
            this.told<{ models: Available[] }>('models', 'list', '--available', '--json'),
        ]);
        const owned = here.models.filter((one) => one.roles.includes('completion'));
        const names = new Set(owned.map((one) => one.name));
        const others = available.models.filter((one) => one.roles.includes('completion') && !names.has(one.name));
        const choices: Choice[] = [
            separator('On this machine'),
            ...owned.map((one) => this.owned(one)),
            separator('To be fetched from the hub'),
            ...others.map((one) => this.fetched(one)),
            separator('Elsewhere'),
            {
                label: '$(server) Ollama or a remote endpoint…',
                description: 'in your own settings.toml, since it decides where your code goes',
                does: () => this.openSettingsFile(),
            },
        ];
        const picked = await window.showQuickPick(choices, {
            title: 'The model that writes completions',
            matchOnDescription: true,
        });
        await picked?.does?.();
    }

    /** The person's own settings.toml, which may hold what no editor may set; made where it is not there yet. */
    async openSettingsFile(): Promise<void> {
        const { checks } = await this.told<{ checks: { part: string; facts: { file?: string } }[] }>(
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
            await editor.edit((edit) => edit.insert(document.positionAt(0), EXAMPLE));
        }
    }

    /** Fetch, then use, where it can be watched: in a terminal. */
    pull(name: string): void {
        this.inTerminal((starling) => `${starling} models pull ${name} && ${starling} models use completion ${name}`);
    }

    /** Measure this machine, in a terminal: it takes ten seconds, and what it says names commands to copy. */
    recommend(): void {
        this.inTerminal((starling) => `${starling} models recommend`);
    }

    private inTerminal(line: (starling: string) => string): void {
        const program = this.program();
        const terminal = window.createTerminal('Starling');
        terminal.show();
        terminal.sendText(line(/[^\w./:\\-]/.test(program) ? `"${program}"` : program));
    }

    private owned(one: Here): Choice {
        return {
            label: `${one.chosen ? '$(check)' : '$(blank)'} ${one.name}`,
            description: `${size(one.parameters)}, ${one.licence}`,
            ...(one.problem === '' ? {} : { detail: one.problem }),
            does: async () => {
                await this.output('models', 'use', 'completion', one.name);
                await this.service.restart();
            },
        };
    }

    private fetched(one: Available): Choice {
        const bytes = (one.bytes_int8 / 1e9).toFixed(1);
        return {
            label: `$(cloud-download) ${one.name}`,
            description: `${size(one.parameters)}, ${bytes} GB, ${one.licence}`,
            does: async () => this.pull(one.name),
        };
    }

    private program(): string {
        const program = this.service.launch?.command;
        if (program === undefined) {
            throw new Error("Starling's server is not here yet, and models are its business.");
        }
        return program;
    }

    private async told<R>(...args: string[]): Promise<R> {
        // `doctor` says by its exit status too that something is wrong, and answers all the same
        const said = await this.output(...args).catch((error: { stdout?: string }) => {
            if (!error.stdout) {
                throw error;
            }
            return error.stdout;
        });
        return JSON.parse(said) as R;
    }

    private async output(...args: string[]): Promise<string> {
        const done = await promisify(execFile)(this.program(), args, { timeout: WAIT_MS, maxBuffer: BYTES });
        return done.stdout;
    }
}

const EXAMPLE = `# Starling's own settings: what no editor and no workspace may set stands here.
# A chat model on this machine (Ollama), or elsewhere:
# [chat]
# url = "http://localhost:11434/v1"
# model = "qwen2.5-coder:7b"
# key_env = "OPENAI_API_KEY"        # the name of a variable that holds the key

# A server that speaks OpenAI's completions, instead of a model in Starling itself:
# [model]
# host = "http://localhost:8000/v1"
`;

function size(parameters: number): string {
    return parameters >= 1e9
        ? `${(parameters / 1e9).toFixed(1)} B parameters`
        : `${Math.round(parameters / 1e6)} M parameters`;
}

function separator(label: string): Choice {
    return { label, kind: QuickPickItemKind.Separator };
}
