import type { Rng } from '../../base/rng.ts';
import type { Step } from '../scenario/script.ts';

/** Only such as come to rest. */
const behaviours = ['', '', '', 'slow-ready', 'slow-start', 'crash-once', 'stubborn'];
const names = ['a', 'b', 'c'];
const parts = ['apiserver', 'controllers', 'scheduler'];
const clients = [
  'kube-controller-manager',
  'replicaset-controller',
  'deployment-controller',
  'kube-scheduler',
  'node-1',
];
const faults = [
  'fail=Conflict verb=update',
  'fail=Conflict verb=patch',
  'fail=ServiceUnavailable',
  'fail=InternalError verb=create afterwards=yes',
  'fail=Timeout verb=delete afterwards=yes',
  'loseWatch=broken',
  'loseWatch=expired',
  'stale=2s',
  'slow=1s',
];

type Draw = (pick: Pick) => string;
interface Pick {
  of<T>(list: readonly T[]): T;
  number(from: number, to: number): number;
}

/** What may happen, each as often as the others. A step about something that is not there changes nothing. */
const draws: readonly Draw[] = [
  (pick) => {
    const behaviour = pick.of(behaviours);
    const asked = pick.number(0, 1) ? ` cpu=${pick.of(['100m', '500m', '1'])}` : '';
    return `deploy ${pick.of(names)} replicas=${pick.number(0, 5)}${asked}${behaviour ? ` behaviour=${behaviour}` : ''} grace=5`;
  },
  (pick) => `scale ${pick.of(names)} ${pick.number(0, 6)}`,
  (pick) => `image ${pick.of(names)} app:${pick.number(1, 4)}`,
  (pick) => `delete deployment ${pick.of(names)} propagation=${pick.of(['Background', 'Foreground'])}`,
  (pick) => `job j${pick.of(names)} completions=${pick.number(1, 4)} parallelism=${pick.number(1, 3)} backoff=10`,
  (pick) => `delete job j${pick.of(names)} propagation=Background`,
  (pick) => `delete pod all grace=${pick.of(['0', '5'])}`,
  (pick) => `service ${pick.of(names)}`,
  (pick) => `node ${pick.of(['stop', 'crash', 'start'])} node-${pick.number(1, 3)}`,
  (pick) => `restart ${pick.of(parts)}`,
  (pick) => {
    const client = pick.number(0, 1) ? ` client=${pick.of(clients)}` : '';
    return `fault ${pick.of(faults)}${client} chance=0.${pick.number(1, 5)} times=${pick.number(1, 20)}`;
  },
  (pick) => `advance ${pick.of(['0s', '1s', '10s', '30s', '1m', '6m'])}`,
  (pick) => `advance ${pick.of(['0s', '100ms', '1s'])}`,
];

const step = (line: string): Step => ({ comments: [], line, body: '' });

/** The script of a seed: three small nodes and `length` things that happen. */
export function generateScript(rng: Rng, length: number): Step[] {
  const number = (from: number, to: number) => from + Math.floor(rng.next() * (to - from + 1));
  const pick: Pick = { number, of: (list) => list[number(0, list.length - 1)] as never };
  const happens = Array.from({ length }, () => step(pick.of(draws)(pick)));
  return [step('nodes 3 cpu=2 pods=8'), ...happens];
}

/** What brings a world to rest: no faults, all nodes back, and the longest back-off waited for. */
export const rest: readonly Step[] = [
  ...['fault none', 'node start node-1', 'node start node-2', 'node start node-3'].map(step),
  step('settle within=6m limit=12h'),
];
