// The list of sessions from which a person chooses one, with buttons that rename, export or delete it.
// Start at `chooseSession`.

import { type QuickInputButton, type QuickPickItem, ThemeIcon, window } from 'vscode';

export interface SessionFacts {
    readonly id: string;
    readonly title: string;
    readonly role: string;
    readonly state: string;
    readonly changed: number;
    readonly entries: number;
    readonly owner: string;
    readonly questions: number;
}

type SessionAction = 'open' | 'rename' | 'export' | 'delete';

export interface ChosenSession {
    readonly session: SessionFacts;
    readonly action: SessionAction;
}

interface SessionItem extends QuickPickItem {
    readonly session: SessionFacts;
}

interface ActionButton extends QuickInputButton {
    readonly action: SessionAction;
}

const BUTTONS: readonly ActionButton[] = [
    { action: 'rename', iconPath: new ThemeIcon('edit'), tooltip: 'Rename' },
    { action: 'export', iconPath: new ThemeIcon('export'), tooltip: 'Export as Markdown' },
    { action: 'delete', iconPath: new ThemeIcon('trash'), tooltip: 'Delete' },
];

/** Show the sessions and return what the person chose; undefined if the list was closed. */
export function chooseSession(sessions: readonly SessionFacts[], open: string): Promise<ChosenSession | undefined> {
    const picking = window.createQuickPick<SessionItem>();
    picking.title = 'Sessions with the Team';
    picking.placeholder = sessions.length === 0 ? 'There is no session in this workspace yet.' : 'Open a session';
    picking.matchOnDescription = true;
    picking.items = sessions.map((session) => createItem(session, open));
    return new Promise((resolve) => {
        const finish = (chosen: ChosenSession | undefined) => {
            resolve(chosen);
            picking.dispose();
        };
        picking.onDidAccept(() => {
            const [picked] = picking.selectedItems;
            finish(picked && { session: picked.session, action: 'open' });
        });
        picking.onDidTriggerItemButton(({ item, button }) => {
            const found = BUTTONS.find((one) => one === button || one.tooltip === button.tooltip);
            finish(found && { session: item.session, action: found.action });
        });
        picking.onDidHide(() => finish(undefined));
        picking.show();
    });
}

function createItem(session: SessionFacts, open: string): SessionItem {
    const changed = new Date(session.changed * 1000);
    const time = changed.toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' });
    const state = session.state === 'idle' ? '' : `, ${session.state}`;
    const asked = session.questions > 0 ? ', a question without an answer' : '';
    return {
        session,
        label: session.title,
        description: `${session.id === open ? 'open, ' : ''}${time}${state}${asked}`,
        buttons: BUTTONS,
    };
}
