// What the status bar says, as a function of what is known. Knows no editor; start at `shown`.

export type Phase =
    | { readonly kind: 'untrusted' }
    | { readonly kind: 'stopped' }
    | { readonly kind: 'starting' }
    | { readonly kind: 'running' }
    | { readonly kind: 'failed'; readonly problem: string };

/** A large model on its way into memory. */
export interface Loading {
    readonly name: string;
    /** 0 to 99; undefined where it was never loaded here before. */
    readonly percentage: number | undefined;
    /** What the server says of it: who answers until then. */
    readonly message: string;
}

export interface Known {
    readonly phase: Phase;
    /** Why nothing is offered here, "" where it is. */
    readonly paused: string;
    /** How far indexing is, 0 to 100; undefined while there is none. */
    readonly indexed: number | undefined;
    /** The large model that is being loaded; undefined for none. */
    readonly loading: Loading | undefined;
    /** Requests and tasks a model works at. */
    readonly thinking: number;
    /** What a person is asked, "" for nothing. */
    readonly asked: string;
    /** What the server says is wrong, a sentence each. */
    readonly problems: readonly string[];
    /** The model, as the server names it; "" for none. */
    readonly model: string;
}

export interface Shown {
    readonly text: string;
    readonly details: readonly string[];
    readonly grave: '' | 'warning' | 'error';
    /** For a screen reader. */
    readonly spoken: string;
}

export const NOTHING_KNOWN: Known = {
    phase: { kind: 'stopped' },
    paused: '',
    indexed: undefined,
    loading: undefined,
    thinking: 0,
    asked: '',
    problems: [],
    model: '',
};

export function shown(known: Known): Shown {
    switch (known.phase.kind) {
        case 'untrusted':
            return said('$(circle-slash) Starling', 'off', ['Off: this folder is not trusted.']);
        case 'stopped':
            return said('$(circle-slash) Starling', 'stopped', ['Stopped.']);
        case 'starting':
            return said('$(loading~spin) Starling', 'starting', ['Starting.']);
        case 'failed':
            return said('$(error) Starling', 'does not run', [known.phase.problem], 'error');
        case 'running':
            return running(known);
    }
}

function running(known: Known): Shown {
    const details = known.model === '' ? ['Without a model.'] : [`Model: ${known.model}.`];
    details.push(...known.problems);
    if (known.asked !== '') {
        return said('$(question) Starling asks', 'asks for your answer', [known.asked, ...details], 'warning');
    }
    if (known.loading !== undefined) {
        const { name, percentage, message } = known.loading;
        const what = `loading ${name}${percentage === undefined ? '' : `, ${Math.floor(percentage)} %`}`;
        const detail = `Loading ${what.slice('loading '.length)}${message === '' ? '' : `: ${message}`}.`;
        return said(`$(loading~spin) Starling: ${what}`, what, [detail, ...details]);
    }
    if (known.indexed !== undefined) {
        const percent = `${Math.floor(known.indexed)} %`;
        return said(`$(sync~spin) Starling ${percent}`, `indexing, ${percent}`, [`Indexing, ${percent}.`, ...details]);
    }
    if (known.thinking > 0) {
        return said('$(loading~spin) Starling', 'thinking', ['Thinking.', ...details]);
    }
    if (known.problems.length > 0) {
        return said('$(warning) Starling', 'ready, with a problem', details, 'warning');
    }
    if (known.paused !== '') {
        return said('$(circle-slash) Starling', `off: ${known.paused}`, [`Off: ${known.paused}.`, ...details]);
    }
    return said('$(sparkle) Starling', 'ready', ['Ready.', ...details]);
}

function said(text: string, spoken: string, details: readonly string[], grave: Shown['grave'] = ''): Shown {
    return { text, details, grave, spoken: `Starling, ${spoken}` };
}
