// Elements of the chat view's page. All text is set as text, never as HTML.

export function find<E extends HTMLElement>(id: string): E {
    return document.getElementById(id) as E;
}

export function create<T extends keyof HTMLElementTagNameMap>(
    tag: T,
    properties: { className?: string; text?: string } = {},
    children: readonly Node[] = [],
): HTMLElementTagNameMap[T] {
    const element = document.createElement(tag);
    if (properties.className) {
        element.className = properties.className;
    }
    if (properties.text !== undefined) {
        element.textContent = properties.text;
    }
    element.append(...children);
    return element;
}

/** Create a button that calls `run`; `label` is read and shown instead of its text unless it is "". */
export function createButton(text: string, label: string, run: () => void): HTMLButtonElement {
    const button = create('button', { text });
    button.type = 'button';
    if (label !== '') {
        button.setAttribute('aria-label', label);
        button.title = label;
    }
    button.addEventListener('click', run);
    return button;
}
