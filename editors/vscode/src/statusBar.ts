// Starling's item in the status bar, and the menu behind it. What it says is decided in `status`. Start at `StatusBar`.

import {
    commands,
    type Disposable,
    LanguageStatusSeverity,
    languages,
    MarkdownString,
    type QuickPickItem,
    QuickPickItemKind,
    StatusBarAlignment,
    ThemeColor,
    window,
    workspace,
} from 'vscode';
import type { Completions } from './completions';
import type { Service } from './service';
import { SECTION } from './settings';
import { type Known, NOTHING_KNOWN, shown } from './status';

type Choice = QuickPickItem & { readonly command?: string };

export class StatusBar implements Disposable {
    private readonly item = window.createStatusBarItem('starling.status', StatusBarAlignment.Right, 100);
    private readonly language = languages.createLanguageStatusItem('starling.completions', { scheme: 'file' });
    private readonly disposables: Disposable[];
    private known: Known = NOTHING_KNOWN;

    constructor(
        service: Service,
        private readonly completions: Completions,
    ) {
        this.item.name = 'Starling';
        this.item.command = 'starling.menu';
        this.language.name = 'Starling';
        this.language.command = { command: 'starling.menu', title: 'Menu' };
        this.disposables = [
            this.item,
            this.language,
            service.onDidChangePhase((phase) =>
                this.learn({ phase, indexed: undefined, loading: undefined, thinking: 0, asked: '' }),
            ),
            completions.onDidChange(() => this.learn({})),
            window.onDidChangeActiveTextEditor(() => this.learn({})),
            workspace.onDidChangeConfiguration((event) => event.affectsConfiguration(SECTION) && this.learn({})),
        ];
        this.learn({ phase: service.phase });
        this.item.show();
    }

    /** Something is known anew. */
    learn(news: Partial<Known>): void {
        this.known = { ...this.known, ...news, paused: this.completions.reason(window.activeTextEditor?.document) };
        const thinking = this.known.thinking + this.completions.waiting;
        const { text, details, grave, spoken } = shown({ ...this.known, thinking });
        this.item.text = text;
        this.item.tooltip = new MarkdownString().appendText(`Starling\n${details.join('\n')}`);
        this.item.accessibilityInformation = { label: spoken, role: 'button' };
        this.item.backgroundColor = grave === '' ? undefined : new ThemeColor(`statusBarItem.${grave}Background`);
        this.item.command = this.known.asked === '' ? 'starling.menu' : 'starling.proposal.answer';
        this.language.text = spoken.replace('Starling, ', '');
        this.language.severity =
            grave === 'error'
                ? LanguageStatusSeverity.Error
                : grave === 'warning'
                  ? LanguageStatusSeverity.Warning
                  : LanguageStatusSeverity.Information;
    }

    /** More or fewer pieces of work are under way. */
    think(by: 1 | -1): void {
        this.learn({ thinking: Math.max(0, this.known.thinking + by) });
    }

    async menu(): Promise<void> {
        const { details } = shown(this.known);
        const picked = await window.showQuickPick(this.choices(), {
            title: 'Starling',
            placeHolder: details.join(' '),
        });
        if (picked?.command !== undefined) {
            await commands.executeCommand(picked.command);
        }
    }

    dispose(): void {
        for (const one of this.disposables) {
            one.dispose();
        }
    }

    private choices(): Choice[] {
        const rest: Choice[] = [
            separator('Settings and more'),
            { label: '$(graph) Statistics', command: 'starling.statistics.open' },
            { label: '$(gear) Open Settings', command: 'starling.settings.open' },
            { label: '$(info) Show Status', command: 'starling.showStatus' },
            { label: '$(output) Show Log', command: 'starling.showLog' },
        ];
        switch (this.known.phase.kind) {
            case 'untrusted':
                return [{ label: '$(shield) Trust This Folder…', command: 'workbench.trust.manage' }, ...rest.slice(1)];
            case 'running':
            case 'starting':
                return [
                    ...this.pauses(),
                    separator('Server'),
                    { label: '$(symbol-misc) Choose a Model…', command: 'starling.model.choose' },
                    { label: '$(debug-restart) Restart', command: 'starling.server.restart' },
                    { label: '$(debug-stop) Stop', command: 'starling.server.stop' },
                    ...rest,
                ];
            default:
                return [
                    { label: '$(debug-start) Start', command: 'starling.server.restart' },
                    { label: "$(cloud-download) Install Starling's Server", command: 'starling.server.install' },
                    ...rest,
                ];
        }
    }

    private pauses(): Choice[] {
        const document = window.activeTextEditor?.document;
        const off = workspace.getConfiguration(SECTION).get<string[]>('completion.languagesOff', []);
        const choices: Choice[] = [separator('Suggestions')];
        if (document !== undefined) {
            const isOff = off.includes(document.languageId);
            const fileOff = this.completions.pauses.hasFile(document.uri.toString());
            choices.push(
                {
                    label: `$(file) Turn ${fileOff ? 'On' : 'Off'} for This File`,
                    command: 'starling.suggestions.toggleFile',
                },
                {
                    label: `$(code) Turn ${isOff ? 'On' : 'Off'} for ${document.languageId}`,
                    command: 'starling.suggestions.toggleLanguage',
                },
            );
        }
        choices.push(
            this.completions.pauses.minutesLeft() > 0
                ? { label: '$(play) Turn On Again', command: 'starling.suggestions.resume' }
                : { label: '$(clock) Turn Off for an Hour', command: 'starling.suggestions.pause' },
        );
        return choices;
    }
}

function separator(label: string): Choice {
    return { label, kind: QuickPickItemKind.Separator };
}
