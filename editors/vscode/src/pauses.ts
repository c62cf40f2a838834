// Tells where suggestions are off: in a file, in a language, or everywhere for some time. Knows no editor.
// Start at `Pauses.getReason`.

export class Pauses {
    private readonly files = new Set<string>();
    private until = 0;

    constructor(private readonly now: () => number = Date.now) {}

    /** Return why suggestions are off in a document, such as "for this file"; "" if they are on. */
    getReason(uri: string, language: string, languagesOff: readonly string[], enabled: boolean): string {
        if (!enabled) {
            return 'in the settings (starling.completion.enabled)';
        }
        const minutes = this.getMinutesLeft();
        if (minutes > 0) {
            return minutes === 1 ? 'for another minute' : `for another ${minutes} minutes`;
        }
        if (this.files.has(uri)) {
            return 'for this file';
        }
        return languagesOff.includes(language) ? `for ${language}` : '';
    }

    /** Whether a person turned suggestions off for this file. */
    hasFile(uri: string): boolean {
        return this.files.has(uri);
    }

    toggleFile(uri: string): void {
        if (!this.files.delete(uri)) {
            this.files.add(uri);
        }
    }

    /** Turn suggestions off everywhere for a time. */
    pause(durationMs: number): void {
        this.until = this.now() + durationMs;
    }

    resume(): void {
        this.until = 0;
    }

    /** Return the remaining minutes of the pause, rounded up; 0 if there is none. */
    getMinutesLeft(): number {
        return Math.max(0, Math.ceil((this.until - this.now()) / 60_000));
    }
}
