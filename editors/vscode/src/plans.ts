// Asks a person whether a plan of agents may start (`starling/plan`). The chat view shows the plan, whose steps the person
// may edit; the server checks the answer and asks again if it cannot be used. Start at `Plans.confirm`.

import { type CancellationToken, commands, type Disposable, EventEmitter } from 'vscode';
import type { PlanAnswer, PlanQuestion, ProposedStep } from './chatState';

export const PLAN = 'starling/plan';

interface AskedPlan {
    readonly title: string;
    readonly steps: readonly ProposedStep[];
    /** The roles that a step may have; the first one is the agent that asks. */
    readonly roles: readonly string[];
    /** Why the last answer cannot be used; "" the first time. */
    readonly problem: string;
}

export class Plans implements Disposable {
    private readonly changes = new EventEmitter<PlanQuestion | null>();
    private number = Date.now(); // the page keeps drafts by number, also after a restart
    private open: { readonly question: PlanQuestion; readonly answer: (given: PlanAnswer | null) => void } | undefined;
    /** Fires with a new question, and with null when it has been answered or withdrawn. */
    readonly onDidAsk = this.changes.event;

    /** Ask in the chat view, and return the answer; null for a no without a remark, and if the server cancels. */
    async confirm(asked: AskedPlan, token: CancellationToken): Promise<PlanAnswer | null> {
        this.open?.answer(null);
        this.number += 1;
        const question = { ...asked, id: this.number };
        const answered = new Promise<PlanAnswer | null>((resolve) => {
            this.open = { question, answer: resolve };
        });
        const withdrawn = token.onCancellationRequested(() => this.answer(question.id, null));
        this.changes.fire(question);
        void commands.executeCommand('starling.chat.focus');
        try {
            return await answered;
        } finally {
            withdrawn.dispose();
            if (this.open?.question.id === question.id) {
                this.open = undefined;
                this.changes.fire(null);
            }
        }
    }

    /** Answer the question `id`; without effect if another one, or none, is open. */
    answer(id: number, given: PlanAnswer | null): void {
        if (this.open?.question.id === id) {
            this.open.answer(given);
        }
    }

    dispose(): void {
        this.open?.answer(null);
        this.changes.dispose();
    }
}
