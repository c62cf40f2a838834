// Asks a person what an agent wants to know (`starling/ask`): a choice, or any text. Start at `askPerson`.

import { type CancellationToken, window } from 'vscode';

export const ASK = 'starling/ask';

interface AgentQuestion {
    readonly question: string;
    readonly choices: readonly string[];
}

/** Return the person's answer; null if the question is closed, or withdrawn by the server. */
export async function askPerson(asked: AgentQuestion, token: CancellationToken): Promise<{ answer: string } | null> {
    const options = { title: 'An agent of Starling asks', ignoreFocusOut: true };
    const answer =
        asked.choices.length > 0
            ? await window.showQuickPick([...asked.choices], { ...options, placeHolder: asked.question }, token)
            : await window.showInputBox({ ...options, prompt: asked.question }, token);
    return answer ? { answer } : null;
}
