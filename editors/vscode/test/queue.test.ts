import assert from 'node:assert/strict';
import test from 'node:test';
import { Queue } from '../src/queue';

test('a task begins when the one before it has ended, also with an error', async () => {
    const queue = new Queue();
    const order: string[] = [];
    let finish: () => void = () => undefined;
    const first = queue.run(async () => {
        await new Promise<void>((resolve) => {
            finish = resolve;
        });
        order.push('first');
        throw new Error('broken');
    });
    const second = queue.run(async () => {
        order.push('second');
        return 2;
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(order, []);
    finish();
    await assert.rejects(first);
    assert.equal(await second, 2);
    assert.deepEqual(order, ['first', 'second']);
});
