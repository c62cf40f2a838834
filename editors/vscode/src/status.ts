// Chooses the text of the status bar from the state of the server. Knows no editor; start at `describeStatus`.

export type Phase =
    | { readonly kind: 'untrusted' }
    | { readonly kind: 'stopped' }
    | { readonly kind: 'starting' }
    | { readonly kind: 'running' }
    | { readonly kind: 'failed'; readonly problem: string };

/** A large model that is being loaded into memory. */
export interface Loading {
    readonly name: string;
    /** 0 to 99; undefined at the first load on this machine. */
    readonly percentage: number | undefined;
    /** The server's message, such as which model answers until then. */
    readonly message: string;
}

export interface Facts {
    readonly phase: Phase;
    /** Host and port of the server on another machine, "" if it runs here. */
    readonly server: string;
    /** Why suggestions are off in the active document, "" if they are on. */
    readonly paused: string;
    /** The progress of indexing, 0 to 100; undefined if none is running. */
    readonly indexed: number | undefined;
    /** The large model that is being loaded; undefined if there is none. */
    readonly loading: Loading | undefined;
    /** The number of requests and tasks that a model is working on. */
    readonly thinking: number;
    /** The title of the question that waits for an answer, "" if there is none. */
    readonly asked: string;
    /** The problems that the server reports, a sentence each. */
    readonly problems: readonly string[];
    /** The name of the model, "" if there is none. */
    readonly model: string;
}

export interface StatusText {
    readonly text: string;
    readonly details: readonly string[];
    readonly severity: '' | 'warning' | 'error';
    /** The text for screen readers. */
    readonly spoken: string;
}

export const NO_FACTS: Facts = {
    phase: { kind: 'stopped' },
    server: '',
    paused: '',
    indexed: undefined,
    loading: undefined,
    thinking: 0,
    asked: '',
    problems: [],
    model: '',
};

/** Return what the status bar shows; if several things are going on, the most urgent. */
export function describeStatus(facts: Facts): StatusText {
    switch (facts.phase.kind) {
        case 'untrusted':
            return createText('$(circle-slash) Starling', 'off', ['Off: this folder is not trusted.']);
        case 'stopped':
            return createText('$(circle-slash) Starling', 'stopped', ['Stopped.']);
        case 'starting':
            return createText('$(loading~spin) Starling', 'starting', ['Starting.', ...describeServer(facts)]);
        case 'failed':
            return createText('$(error) Starling', 'not running', [facts.phase.problem], 'error');
        case 'running':
            return describeRunning(facts);
    }
}

function describeRunning(facts: Facts): StatusText {
    const details = facts.model === '' ? ['Without a model.'] : [`Model: ${facts.model}.`];
    details.push(...describeServer(facts), ...facts.problems);
    if (facts.asked !== '') {
        return createText('$(question) Starling asks', 'asks for your answer', [facts.asked, ...details], 'warning');
    }
    if (facts.loading !== undefined) {
        const { name, percentage, message } = facts.loading;
        const what = `loading ${name}${percentage === undefined ? '' : `, ${Math.floor(percentage)} %`}`;
        const detail = `Loading ${what.slice('loading '.length)}${message === '' ? '' : `: ${message}`}.`;
        return createText(`$(loading~spin) Starling: ${what}`, what, [detail, ...details]);
    }
    if (facts.indexed !== undefined) {
        const percent = `${Math.floor(facts.indexed)} %`;
        return createText(`$(sync~spin) Starling ${percent}`, `indexing, ${percent}`, [
            `Indexing, ${percent}.`,
            ...details,
        ]);
    }
    if (facts.thinking > 0) {
        return createText('$(loading~spin) Starling', 'thinking', ['Thinking.', ...details]);
    }
    if (facts.problems.length > 0) {
        return createText('$(warning) Starling', 'ready, with a problem', details, 'warning');
    }
    if (facts.paused !== '') {
        return createText('$(circle-slash) Starling', `off: ${facts.paused}`, [`Off: ${facts.paused}.`, ...details]);
    }
    const where = facts.server === '' ? '' : ` at ${facts.server}`;
    return createText(`$(sparkle) Starling${where}`, `ready${where}`, ['Ready.', ...details]);
}

function describeServer({ server }: Facts): string[] {
    return server === '' ? [] : [`Server: ${server}.`];
}

function createText(
    text: string,
    spoken: string,
    details: readonly string[],
    severity: StatusText['severity'] = '',
): StatusText {
    return { text, details, severity, spoken: `Starling, ${spoken}` };
}
