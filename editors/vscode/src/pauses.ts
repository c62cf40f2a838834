// Where and how long a person wants no suggestions: this file, this language, an hour. Knows no editor.
// Start at `Pauses.reason`.

export class Pauses {
    private readonly files = new Set<string>();
    private until = 0;

    constructor(private readonly now: () => number = Date.now) {}

    /** Why nothing is offered in a document, "" where it is. */
    reason(uri: string, language: string, languagesOff: readonly string[], enabled: boolean): string {
        if (!enabled) {
            return 'in the settings (starling.completion.enabled)';
        }
        const minutes = this.minutesLeft();
        if (minutes > 0) {
            return minutes === 1 ? 'for another minute' : `for another ${minutes} minutes`;
        }
        if (this.files.has(uri)) {
            return 'for this file';
        }
        return languagesOff.includes(language) ? `for ${language}` : '';
    }

    /** Whether this file was paused by hand. */
    hasFile(uri: string): boolean {
        return this.files.has(uri);
    }

    toggleFile(uri: string): void {
        if (!this.files.delete(uri)) {
            this.files.add(uri);
        }
    }

    pause(milliseconds: number): void {
        this.until = this.now() + milliseconds;
    }

    resume(): void {
        this.until = 0;
    }

    minutesLeft(): number {
        return Math.max(0, Math.ceil((this.until - this.now()) / 60_000));
    }
}
