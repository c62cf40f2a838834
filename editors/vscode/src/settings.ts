// What a person has set, as the server takes it: only what stands in some settings file, in the sections of the server.
//
// Defaults stay the server's own, and what may not be had from a workspace is read from the person's settings alone:
// `package.json` gives those the scope "machine". Start at `explicit`.

import { type ConfigurationScope, workspace } from 'vscode';
import manifest from '../package.json';

export const SECTION = 'starling';
const LOCAL = 'server'; // ours, and none of the server's business

type Properties = Record<string, { scope?: string; default?: unknown }>;

export const PROPERTIES: Properties = Object.assign(
    {},
    ...manifest.contributes.configuration.map((group) => group.properties as Properties),
);

/** `{completion: {maxTokens: 32}}`, with what is set and nothing else. */
export function explicit(scope?: ConfigurationScope): Record<string, Record<string, unknown>> {
    const settings = workspace.getConfiguration(SECTION, scope);
    const sections: Record<string, Record<string, unknown>> = {};
    for (const key of Object.keys(PROPERTIES)) {
        const [, section, name] = key.split('.');
        if (section === undefined || name === undefined || section === LOCAL) {
            continue;
        }
        const found = settings.inspect(`${section}.${name}`);
        // in a folder that is not trusted VS Code leaves out what its settings say
        const value = found?.workspaceFolderValue ?? found?.workspaceValue ?? found?.globalValue;
        if (value !== undefined) {
            sections[section] = { ...sections[section], [name]: value };
        }
    }
    return sections;
}
