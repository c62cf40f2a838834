// Shows answers and reports as Markdown in VS Code's own preview, so that themes, keys and screen readers work.
// A streamed answer is redrawn a few times a second. Start at `Answers.open`.

import { commands, type Disposable, type Uri } from 'vscode';
import { Texts } from './texts';

const SHOW_EVERY_MS = 200;

export class Answers implements Disposable {
    private readonly texts = new Texts('starling-answer');
    private number = 0;

    /** Open a preview with a heading beside the editor; the returned answer changes its text. */
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
        this.uri = this.render();
    }

    /** Append a piece of a streamed answer; the preview shows it a little later. */
    readonly append = (piece: string): void => {
        this.text += piece;
        this.timer ??= setTimeout(() => this.render(), SHOW_EVERY_MS);
    };

    /** Replace the text by the complete answer, and show it at once. */
    finish(text: string): void {
        this.text = text;
        this.render();
    }

    private render(): Uri {
        clearTimeout(this.timer);
        this.timer = undefined;
        return this.texts.put(this.path, '', this.heading + (this.text === '' ? '…' : this.text));
    }
}
