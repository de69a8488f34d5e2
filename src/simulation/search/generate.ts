import type { Rng } from '../../base/rng.ts';
import type { Step } from '../scenario/script.ts';

/** Only such as come to rest. */
const calmBehaviours = ['', '', '', 'slow-ready', 'slow-start', 'stubborn'];
const behaviours = [...calmBehaviours, 'crash-once'];
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

interface Drawn {
  draw: Draw;
  /** It takes no pods away that are there, and makes none that fail. */
  isCalm?: boolean;
}
interface Pick {
  of<T>(list: readonly T[]): T;
  number(from: number, to: number): number;
}

const deploy =
  (from: readonly string[]): Draw =>
  (pick) => {
    const behaviour = pick.of(from);
    const asked = pick.number(0, 1) ? ` cpu=${pick.of(['100m', '500m', '1'])}` : '';
    return `deploy ${pick.of(names)} replicas=${pick.number(0, 5)}${asked}${behaviour ? ` behaviour=${behaviour}` : ''} grace=5`;
  };

/** What may happen, each as often as the others. A step about something that is not there changes nothing. */
const draws: readonly Drawn[] = [
  { draw: deploy(behaviours) },
  { draw: (pick) => `scale ${pick.of(names)} ${pick.number(0, 6)}`, isCalm: true },
  { draw: (pick) => `image ${pick.of(names)} app:${pick.number(1, 4)}`, isCalm: true },
  {
    draw: (pick) => `delete deployment ${pick.of(names)} propagation=${pick.of(['Background', 'Foreground'])}`,
    isCalm: true,
  },
  {
    draw: (pick) =>
      `job j${pick.of(names)} completions=${pick.number(1, 4)} parallelism=${pick.number(1, 3)} backoff=10` +
      pick.of(['', ' mode=Indexed']),
    isCalm: true,
  },
  { draw: (pick) => `delete job j${pick.of(names)} propagation=Background`, isCalm: true },
  { draw: (pick) => `quota q pods=${pick.number(3, 10)} requests.cpu=${pick.number(1, 4)}`, isCalm: true },
  { draw: (pick) => `delete pod all grace=${pick.of(['0', '5'])}` },
  { draw: (pick) => `service ${pick.of(names)}`, isCalm: true },
  { draw: (pick) => `node ${pick.of(['stop', 'crash', 'start'])} node-${pick.number(1, 3)}` },
  { draw: (pick) => `restart ${pick.of(parts)}`, isCalm: true },
  {
    draw: (pick) => {
      const client = pick.number(0, 1) ? ` client=${pick.of(clients)}` : '';
      return `fault ${pick.of(faults)}${client} chance=0.${pick.number(1, 5)} times=${pick.number(1, 20)}`;
    },
  },
  { draw: (pick) => `advance ${pick.of(['0s', '1s', '10s', '30s', '1m', '6m'])}`, isCalm: true },
  { draw: (pick) => `advance ${pick.of(['0s', '100ms', '1s'])}`, isCalm: true },
];
const calmDraws: readonly Drawn[] = [{ draw: deploy(calmBehaviours) }, ...draws.filter(({ isCalm }) => isCalm)];

const step = (line: string): Step => ({ comments: [], line, body: '' });

export interface ScriptOptions {
  /** How many things happen. */
  length: number;
  /** None of them takes pods away. */
  calm?: boolean;
}

/** The script of a seed: three small nodes and what happens. */
export function generateScript(rng: Rng, { length, calm = false }: ScriptOptions): Step[] {
  const number = (from: number, to: number) => from + Math.floor(rng.next() * (to - from + 1));
  const pick: Pick = { number, of: (list) => list[number(0, list.length - 1)] as never };
  const happens = Array.from({ length }, () => step(pick.of(calm ? calmDraws : draws).draw(pick)));
  return [step('nodes 3 cpu=2 pods=8'), ...happens];
}

/** What brings a world to rest: no faults, all nodes back, nothing that is not allowed, and the longest back-off waited for. */
export const rest: readonly Step[] = [
  ...['fault none', 'node start node-1', 'node start node-2', 'node start node-3', 'delete resourcequota q'].map(step),
  step('settle within=17m limit=12h'),
];
