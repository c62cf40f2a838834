// Runs tasks one after the other. Pure. Start at `Queue.run`.

export class Queue {
    private last: Promise<unknown> = Promise.resolve();

    /** Run `task` once all earlier tasks have ended, and return its result; a task that fails does not stop the next. */
    run<T>(task: () => Promise<T>): Promise<T> {
        const result = this.last.then(task);
        this.last = result.catch(() => undefined);
        return result;
    }
}
