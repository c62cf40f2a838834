// Answers in words and reports, as Markdown in VS Code's own preview: theme, keys and screen readers come with it.
// What streams in is shown a few times a second. Start at `Answers.open`.

import { commands, type Disposable, type Uri } from 'vscode';
import { Texts } from './texts';

const SHOW_EVERY_MS = 200;

export class Answers implements Disposable {
    private readonly texts = new Texts('starling-answer');
    private number = 0;

    /** A view with a heading, which fills as the answer comes. */
    async open(heading: string, text = ''): Promise<Answer> {
        this.number += 1;
        const name = heading
            .replaceAll(/[^\p{L}\p{N} ._-]/gu, ' ')
            .trim()
            .slice(0, 60);
        const answer = new Answer(this.texts, `/${name} (${this.number}).md`, `# ${heading}\n\n`, text);
        await commands.executeCommand('markdown.showPreviewToSide', answer.uri);
        return answer;
    }

    dispose(): void {
        this.texts.dispose();
    }
}

export class Answer {
    readonly uri: Uri;
    private timer: NodeJS.Timeout | undefined;

    constructor(
        private readonly texts: Texts,
        private readonly path: string,
        private readonly heading: string,
        private text: string,
    ) {
        this.uri = this.show();
    }

    /** A piece more. */
    readonly pour = (piece: string): void => {
        this.text += piece;
        this.timer ??= setTimeout(() => this.show(), SHOW_EVERY_MS);
    };

    /** All of it. */
    end(text: string): void {
        this.text = text;
        this.show();
    }

    private show(): Uri {
        clearTimeout(this.timer);
        this.timer = undefined;
        return this.texts.put(this.path, '', this.heading + (this.text === '' ? '…' : this.text));
    }
}
