// Logging in at the server of the settings and out again: asks for name and password, and connects again afterwards.
// Start at `RemoteLogin.logIn`.

import { type ExtensionContext, ProgressLocation, window } from 'vscode';
import { isObstacle } from './launch';
import { type LoginResult, logIn, logOut, nameServer } from './remote';
import type { Service } from './service';
import { readRemoteServer } from './settings';

const NAME = 'starling.login.name'; // in the extension's own storage, to propose it next time

export class RemoteLogin {
    constructor(
        private readonly service: Service,
        private readonly context: ExtensionContext,
    ) {}

    /** Ask for name and password, log in, and connect again. Nothing happens if a person cancels. */
    async logIn(): Promise<void> {
        const title = `Log In to ${nameServer(readRemoteServer().login)}`;
        const name = await window.showInputBox({
            title,
            prompt: 'Login name',
            value: this.context.globalState.get<string>(NAME, ''),
            ignoreFocusOut: true,
        });
        if (!name) {
            return;
        }
        const password = await window.showInputBox({
            title,
            prompt: `Password of ${name}`,
            password: true,
            ignoreFocusOut: true,
        });
        if (!password) {
            return;
        }
        const result = await this.run('Logging in', (server, launch) => logIn(server, launch, name, password));
        if (result?.succeeded) {
            await this.context.globalState.update(NAME, name);
            await this.service.restart();
        }
    }

    /** Log out, and end the connection. */
    async logOut(): Promise<void> {
        await this.run('Logging out', logOut);
        await this.service.stop();
    }

    /** Run `work` with the server of the settings, and show its message; undefined if that cannot be. */
    private async run(
        title: string,
        work: (...given: Parameters<typeof logOut>) => Promise<LoginResult>,
    ): Promise<LoginResult | undefined> {
        const server = readRemoteServer();
        const launch = await this.service.findProgram();
        if (server.url === '' || isObstacle(launch)) {
            const problem = 'The setting starling.server.url is empty, so there is no server to log in to.';
            this.service.showObstacle(isObstacle(launch) ? launch : { problem, remedies: ['server'] });
            return undefined;
        }
        const location = ProgressLocation.Notification;
        const result = await window.withProgress({ location, title: `Starling: ${title}` }, () => work(server, launch));
        if (result.succeeded) {
            void window.showInformationMessage(`Starling: ${result.message}`);
        } else {
            void window.showErrorMessage(`Starling: ${result.message || `${title} failed.`}`);
        }
        return result;
    }
}
