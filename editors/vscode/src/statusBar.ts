// Starling's item in the status bar, and the menu that it opens. `status.ts` chooses the text. Start at `StatusBar`.

import {
    commands,
    type Disposable,
    LanguageStatusSeverity,
    languages,
    MarkdownString,
    type QuickPickItem,
    StatusBarAlignment,
    ThemeColor,
    window,
    workspace,
} from 'vscode';
import type { Completions } from './completions';
import { createSeparator } from './separators';
import type { Service } from './service';
import { readRemoteServer, SECTION } from './settings';
import { describeStatus, type Facts, NO_FACTS } from './status';

type Choice = QuickPickItem & { readonly command?: string };

export class StatusBar implements Disposable {
    private readonly item = window.createStatusBarItem('starling.status', StatusBarAlignment.Right, 100);
    private readonly language = languages.createLanguageStatusItem('starling.completions', { scheme: 'file' });
    private readonly disposables: Disposable[];
    private facts: Facts = NO_FACTS;

    constructor(
        private readonly service: Service,
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
                this.update({ phase, indexed: undefined, loading: undefined, thinking: 0, asked: '' }),
            ),
            completions.onDidChange(() => this.update({})),
            window.onDidChangeActiveTextEditor(() => this.update({})),
            workspace.onDidChangeConfiguration((event) => event.affectsConfiguration(SECTION) && this.update({})),
        ];
        this.update({ phase: service.phase });
        this.item.show();
    }

    /** Merge `news` into the facts, and show them. */
    update(news: Partial<Facts>): void {
        this.facts = {
            ...this.facts,
            ...news,
            server: this.service.remoteHost,
            paused: this.completions.getPauseReason(window.activeTextEditor?.document),
        };
        const thinking = this.facts.thinking + this.completions.slowRequests;
        const { text, details, severity, spoken } = describeStatus({ ...this.facts, thinking });
        this.item.text = text;
        this.item.tooltip = new MarkdownString().appendText(`Starling\n${details.join('\n')}`);
        this.item.accessibilityInformation = { label: spoken, role: 'button' };
        this.item.backgroundColor = severity === '' ? undefined : new ThemeColor(`statusBarItem.${severity}Background`);
        this.item.command = this.facts.asked === '' ? 'starling.menu' : 'starling.proposal.answer';
        this.language.text = spoken.replace('Starling, ', '');
        this.language.severity =
            severity === 'error'
                ? LanguageStatusSeverity.Error
                : severity === 'warning'
                  ? LanguageStatusSeverity.Warning
                  : LanguageStatusSeverity.Information;
    }

    /** Count a job that has begun (1) or ended (-1). */
    countJob(change: 1 | -1): void {
        this.update({ thinking: Math.max(0, this.facts.thinking + change) });
    }

    async openMenu(): Promise<void> {
        const { details } = describeStatus(this.facts);
        const picked = await window.showQuickPick(this.listChoices(), {
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

    private listChoices(): Choice[] {
        const rest: Choice[] = [
            createSeparator('Settings and more'),
            { label: '$(graph) Statistics', command: 'starling.statistics.open' },
            { label: '$(gear) Open Settings', command: 'starling.settings.open' },
            { label: '$(info) Show Status', command: 'starling.showStatus' },
            { label: '$(output) Show Log', command: 'starling.showLog' },
        ];
        const remote: Choice[] =
            readRemoteServer().url === ''
                ? []
                : [
                      { label: '$(sign-in) Log In to the Server…', command: 'starling.server.logIn' },
                      { label: '$(sign-out) Log Out of the Server', command: 'starling.server.logOut' },
                  ];
        switch (this.facts.phase.kind) {
            case 'untrusted':
                return [{ label: '$(shield) Trust This Folder…', command: 'workbench.trust.manage' }, ...rest.slice(1)];
            case 'running':
            case 'starting':
                return [
                    ...this.listPauseChoices(),
                    createSeparator('Server'),
                    { label: '$(symbol-misc) Choose a Model…', command: 'starling.model.choose' },
                    { label: '$(debug-restart) Restart', command: 'starling.server.restart' },
                    { label: '$(debug-stop) Stop', command: 'starling.server.stop' },
                    ...remote,
                    ...rest,
                ];
            default:
                return [
                    { label: '$(debug-start) Start', command: 'starling.server.restart' },
                    ...remote,
                    { label: "$(cloud-download) Install Starling's Server", command: 'starling.server.install' },
                    ...rest,
                ];
        }
    }

    private listPauseChoices(): Choice[] {
        const document = window.activeTextEditor?.document;
        const off = workspace.getConfiguration(SECTION).get<string[]>('completion.languagesOff', []);
        const choices: Choice[] = [createSeparator('Suggestions')];
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
            this.completions.pauses.getMinutesLeft() > 0
                ? { label: '$(play) Turn On Again', command: 'starling.suggestions.resume' }
                : { label: '$(clock) Turn Off for an Hour', command: 'starling.suggestions.pause' },
        );
        return choices;
    }
}
