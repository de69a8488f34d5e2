import type { Mutant } from './mutant.ts';

const queueTest = 'src/scheduler/queue.test.ts';

export const scheduler: Mutant[] = [
  {
    bug: 'the youngest pod goes first',
    file: 'src/scheduler/queue.ts',
    find: '|| a.order - b.order)',
    replace: '|| b.order - a.order)',
    test: { file: queueTest, name: 'gives pods out by priority, then by age' },
  },
  {
    bug: 'a parked pod comes back for any event',
    file: 'src/scheduler/queue.ts',
    find: 'this.#options.eventsOf(plugin).includes(event)',
    replace: 'this.#options.eventsOf(plugin).length > 0',
    test: { file: queueTest, name: 'brings a parked pod back for an event its plugin cares for' },
  },
  {
    bug: 'a gated pod is given out',
    file: 'src/scheduler/queue.ts',
    find: 'const isGated = (pod: Pod): boolean => (pod.spec.schedulingGates ?? []).length > 0;',
    replace: 'const isGated = (pod: Pod): boolean => (pod.spec.schedulingGates ?? []).length > 1;',
    test: { file: queueTest, name: 'holds gated pods until the last gate falls' },
  },
  {
    bug: 'a parked pod that no event brings back waits for ever',
    file: 'src/scheduler/queue.ts',
    find: 'const leftoverMs = 5 * 60_000;',
    replace: 'const leftoverMs = 500 * 60_000;',
    test: { file: queueTest, name: 'tries everything again after five minutes' },
  },
];
