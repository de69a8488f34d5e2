import type { Container } from '../../api/generated/types.ts';
import { amountsOf } from '../../placement/resource-amounts.ts';
import { containersOf } from '../worker/pod-spec.ts';
import { bytesText } from './bytes-text.ts';
import { measuredOf, type PodUse } from './rank.ts';
import type { Level, Signal, Threshold } from './thresholds.ts';

/** The reason of a pod that had to go. */
export const evicted = 'Evicted';

const resources: Record<Signal, string> = {
  'memory.available': 'memory',
  'nodefs.available': 'ephemeral-storage',
  'nodefs.inodesFree': 'inodes',
  'imagefs.available': 'ephemeral-storage',
  'imagefs.inodesFree': 'inodes',
  'pid.available': 'pids',
};

/** What the node says when it begins to be short of something. */
export const resourceOf = (signal: Signal): string => resources[signal];

/** What the pod's status says of why it had to go. */
export function lowText({ signal, bound }: Threshold, level: Level, { pod, containers }: PodUse): string {
  const isBytes = signal.endsWith('.available') && signal !== 'pid.available';
  const shown = (amount: number) => (isBytes ? bytesText(amount) : String(amount));
  const quantity = 'amount' in bound ? bound.amount : Math.floor(bound.share * level.capacity);
  const head = `The node was low on resource: ${resourceOf(signal)}. Threshold quantity: ${shown(quantity)}, available: ${shown(level.available)}. `;
  const measured = measuredOf(signal);
  if (!measured) return head;
  const parts = containersOf(pod).flatMap(({ container }) => {
    const used = containers.get(container.name);
    const bytes = used ? (measured === 'memory' ? used.memoryBytes : used.diskBytes) : 0;
    const requested = amountsOf((container as Container).resources?.requests)[measured] ?? 0;
    if (bytes <= requested) return [];
    const request = requested ? ((container as Container).resources?.requests?.[measured] ?? '0') : '0';
    return [
      `Container ${container.name} was using ${bytesText(bytes)}, request is ${request}, has larger consumption of ${measured}. `,
    ];
  });
  return head + parts.join('');
}

/** What a pod that the node cannot take now is told. */
export const conditionText = (pressures: readonly string[]): string =>
  `The node had condition: [${pressures.join(' ')}]. `;

export const volumeText = (volume: string, limit: string): string =>
  `Usage of EmptyDir volume ${JSON.stringify(volume)} exceeds the limit ${JSON.stringify(limit)}. `;

export const containerText = (container: string, limit: string): string =>
  `Container ${container} exceeded its local ephemeral storage limit ${JSON.stringify(limit)}. `;

export const podText = (limit: string): string =>
  `Pod ephemeral local storage usage exceeds the total limit of containers ${limit}. `;
