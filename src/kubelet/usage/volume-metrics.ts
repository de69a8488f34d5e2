import type { Pod } from '../../api/generated/types.ts';
import type { Family } from './exposition.ts';
import type { VolumeUsage } from './storage-reader.ts';

type Figure = [name: string, help: string, value: (usage: VolumeUsage) => number];

const figures: Figure[] = [
  ['available_bytes', 'Number of available bytes in the volume', ({ fileSystem }) => fileSystem.availableBytes],
  ['capacity_bytes', 'Capacity in bytes of the volume', ({ fileSystem }) => fileSystem.capacityBytes],
  ['used_bytes', 'Number of used bytes in the volume', ({ bytes }) => bytes],
  ['inodes', 'Maximum number of inodes in the volume', ({ fileSystem }) => fileSystem.inodes],
  ['inodes_free', 'Number of free inodes in the volume', ({ fileSystem }) => fileSystem.inodesFree],
  ['inodes_used', 'Number of used inodes in the volume', ({ inodes }) => inodes],
];

/** How full the volumes of claims are, under upstream's names (kubelet/pkg/metrics/collectors/volume_stats). A claim of several pods counts once. */
export function volumeMetrics(all: readonly { pod: Pod; volumes: readonly VolumeUsage[] }[]): Family[] {
  const byClaim = new Map<string, { labels: Record<string, string>; usage: VolumeUsage }>();
  for (const { pod, volumes } of all) {
    for (const usage of volumes) {
      if (usage.claim === undefined) continue;
      const labels = { namespace: pod.metadata.namespace ?? '', persistentvolumeclaim: usage.claim };
      byClaim.set(JSON.stringify(labels), { labels, usage });
    }
  }
  return figures.map(([name, help, value]) => ({
    ...{ name: `kubelet_volume_stats_${name}`, help: `[ALPHA] ${help}`, type: 'gauge' as const },
    samples: [...byClaim.values()].map(({ labels, usage }) => ({ labels, value: value(usage) })),
  }));
}
