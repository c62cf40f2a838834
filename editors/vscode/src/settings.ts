// The settings that a person has changed, in the sections that the server expects. Defaults are not sent: they are the
// server's own. A setting that a workspace may not change has the scope "machine" in `package.json`, so VS Code reads it
// from the person's settings only. Start at `readExplicitSettings`.

import { type ConfigurationScope, workspace } from 'vscode';
import manifest from '../package.json';
import type { RemoteServer } from './remote';

export const SECTION = 'starling';
const LOCAL = 'server'; // the section for the extension itself, which is not sent

type Properties = Record<string, { scope?: string; default?: unknown }>;

export const PROPERTIES: Properties = Object.assign(
    {},
    ...manifest.contributes.configuration.map((group) => group.properties as Properties),
);

/** Return the settings that have a value in a settings file, by section: `{completion: {maxTokens: 32}}`. */
export function readExplicitSettings(scope?: ConfigurationScope): Record<string, Record<string, unknown>> {
    const settings = workspace.getConfiguration(SECTION, scope);
    const sections: Record<string, Record<string, unknown>> = {};
    for (const key of Object.keys(PROPERTIES)) {
        const [, section, name] = key.split('.');
        if (section === undefined || name === undefined || section === LOCAL) {
            continue;
        }
        const found = settings.inspect(`${section}.${name}`);
        // VS Code leaves out the values of a workspace that is not trusted
        const value = found?.workspaceFolderValue ?? found?.workspaceValue ?? found?.globalValue;
        if (value !== undefined) {
            sections[section] = { ...sections[section], [name]: value };
        }
    }
    return sections;
}

/** Return the server of the person's own settings; a workspace cannot name one, nor a login or folders for one. */
export function readRemoteServer(): RemoteServer {
    const settings = workspace.getConfiguration(SECTION);
    const read = <T>(name: string, otherwise: T): T => settings.inspect<T>(`server.${name}`)?.globalValue ?? otherwise;
    return {
        url: read('url', '').trim(),
        login: read('login', '').trim(),
        certificates: read('certificates', ''),
        folders: read<Record<string, string>>('folders', {}),
    };
}
