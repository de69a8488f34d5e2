import type { Mutant } from './mutant.ts';

const queueTest = 'src/scheduler/queue.test.ts';
const preemptionTest = 'src/scheduler/preemption/preempt.test.ts';
const reference = 'chooses the same node and victims, remembered dry runs or not';

export const scheduler: Mutant[] = [
  {
    bug: 'the youngest pod goes first',
    file: 'src/scheduler/plugins/priority-sort.ts',
    find: '|| a.order - b.order',
    replace: '|| b.order - a.order',
    test: { file: queueTest, name: 'gives pods out by priority, then by age' },
  },
  {
    bug: 'a parked pod comes back for any event',
    file: 'src/scheduler/parked-pods.ts',
    find: 'hints[event.kind]?.(waiting, event)',
    replace: 'hints[event.kind]',
    test: { file: queueTest, name: 'brings a parked pod back for an event its plugin cares for' },
  },
  {
    bug: 'a gated pod is given out',
    file: 'src/scheduler/plugins/scheduling-gates.ts',
    find: 'gates.length > 0',
    replace: 'gates.length > 1',
    test: { file: queueTest, name: 'holds gated pods until the last gate falls' },
  },
  {
    bug: 'a parked pod that no event brings back waits for ever',
    file: 'src/scheduler/queue.ts',
    find: 'const leftoverMs = 5 * 60_000;',
    replace: 'const leftoverMs = 500 * 60_000;',
    test: { file: queueTest, name: 'tries everything again after five minutes' },
  },
  {
    bug: 'pods as important as the one that comes are sent away',
    file: 'src/scheduler/preemption/victims.ts',
    find: 'priorityOf(placed.pod) < priorityOf(pod))',
    replace: 'priorityOf(placed.pod) <= priorityOf(pod))',
    test: { file: preemptionTest, name: reference },
  },
  {
    bug: 'disruption budgets do not count',
    file: 'src/scheduler/preemption/victims.ts',
    find: "split[isViolating ? 'violating' : 'others']",
    replace: "split['others']",
    test: { file: preemptionTest, name: reference },
  },
  {
    bug: 'who could stay is sent away all the same',
    file: 'src/scheduler/preemption/victims.ts',
    find: 'if (!evaluation.failedNow(slot)) return false;',
    replace: '',
    test: { file: preemptionTest, name: 'sends away as few as it takes' },
  },
  {
    bug: 'a dry run is remembered though pods have come and gone',
    file: 'src/scheduler/preemption/dry-runs.ts',
    find: 'for (const slot of changed) known.results.forget(slot);',
    replace: '',
    test: { file: preemptionTest, name: reference },
  },
  {
    bug: 'a node that was tried before is passed over, whatever came of it',
    file: 'src/scheduler/preemption/dry-runs.ts',
    find: 'return this.#states[slot] === isNone;',
    replace: 'return this.#states[slot] !== unknown;',
    test: { file: preemptionTest, name: reference },
  },
  {
    bug: 'a room that was made for one pod is given to a lesser one',
    file: 'src/placement/nominations.ts',
    find: '(other.spec.priority ?? 0) >= priority &&',
    replace: '(other.spec.priority ?? 0) < priority &&',
    test: { file: preemptionTest, name: 'keeps others out meanwhile' },
  },
  {
    bug: 'a window of equal pods does not notice what has changed',
    file: 'src/scheduler/node-window.ts',
    find: 'if (isIn && fits) nodes.rescore(slot);',
    replace: 'if (isIn && fits) continue;',
    test: { file: 'src/scheduler/node-window.test.ts', name: 'knows the same nodes and totals as a window' },
  },
  {
    bug: 'an assumed volume stays assumed when the pod is not bound',
    file: 'src/scheduler/binding.ts',
    find: 'for (const plugin of profile.at.reserve.toReversed()) plugin.unreserve?.(placed);',
    replace: '',
    test: { file: 'src/scheduler/binding.test.ts', name: 'gives everything back' },
  },
  {
    bug: 'a gang starts with one pod less than it wants',
    file: 'src/scheduler/gang-cycle.ts',
    find: 'scheduled < minCount',
    replace: 'scheduled < minCount - 1',
    test: { file: 'src/scheduler/gangs.test.ts', name: 'never stand with less than their minimum' },
  },
  {
    bug: 'a gang that cannot start keeps the room it found',
    file: 'src/scheduler/scheduler.ts',
    find: '      release(profile, one);',
    replace: '',
    test: { file: 'src/scheduler/gangs.test.ts', name: 'get all of their nodes or none' },
  },
  {
    bug: 'a gang is bound though one of its pods cannot be',
    file: 'src/scheduler/permit-barrier.ts',
    find: 'if (--this.#missing === 0) {',
    replace: 'if (--this.#missing >= 0) {',
    test: { file: 'src/scheduler/gangs.test.ts', name: 'lets all through with the last' },
  },
  {
    bug: 'partitions of a device do not draw on what they share',
    file: 'src/placement/devices/shared-counters.ts',
    find: 'left.set(counter, (left.get(counter) as bigint) - nanos);',
    replace: 'left.set(counter, left.get(counter) as bigint);',
    test: {
      file: 'src/placement/devices/allocate.test.ts',
      name: 'finds partitions whenever trying everything does',
    },
  },
  {
    bug: 'a share of a device takes nothing of its capacity',
    file: 'src/placement/devices/device-usage.ts',
    find: 'BigInt(sign) * nanos',
    replace: '0n * nanos',
    test: {
      file: 'src/placement/devices/allocate.test.ts',
      name: 'shares a device among claims, each with its part of the capacity',
    },
  },
  {
    bug: 'nobody is told where a pod will go whose volumes take their time',
    file: 'src/scheduler/binding.ts',
    find: 'if (announce && (working.length > 0 || barrier?.isSlow)) await announce();',
    replace: '',
    test: { file: 'src/scheduler/binding.test.ts', name: 'says where the pod goes when a plugin has something to do' },
  },
  {
    bug: 'a pod that is about to be bound still counts as one that was promised the node',
    file: 'src/scheduler/binding.ts',
    find: '  snapshot.nominations.remove(pod.metadata.uid as string);\n',
    replace: '',
    test: {
      file: 'src/scheduler/scheduler.test.ts',
      name: 'keeps the room of a promised pod whose binding is under way',
    },
  },
  {
    bug: 'a less important pod is brought forward',
    file: 'src/scheduler/waiting-room.ts',
    find: 'windowOf(a) - windowOf(b) || compare(a.entry, b.entry)',
    replace: 'a.readyAt - b.readyAt',
    test: { file: queueTest, name: 'brings forward whose back-off ends first' },
  },
  {
    bug: 'what an extender turned down is taken all the same',
    file: 'src/scheduler/extenders/consultation.ts',
    find: 'passes: (slot) => accepted.has(nameAt(snapshot, slot)),',
    replace: 'passes: () => true,',
    test: { file: 'src/scheduler/extenders/extenders.test.ts', name: 'turns nodes away, and its reasons are told' },
  },
  {
    bug: 'a device is given out twice',
    file: 'src/placement/devices/allocate.ts',
    find: 'usage.take(key, share);',
    replace: '',
    test: {
      file: 'src/placement/devices/allocate.test.ts',
      name: 'finds an allocation whenever trying everything does',
    },
  },
];
