import os from 'node:os';
import type { Metrics } from '../../base/metrics.ts';
import { SampleWindow } from '../../base/sample-window.ts';
import type { Clock } from '../../base/clock.ts';
import type { Cri } from '../../cri/cri.ts';
import type { Cgroups } from '../cgroup/cgroups.ts';
import type { Page, Pages } from '../server/pages.ts';
import type { PodState } from '../worker/state.ts';
import { cadvisorMetrics } from './cadvisor-metrics.ts';
import { fileSystemOf } from './disk-usage.ts';
import { exposition } from './exposition.ts';
import { type ProbeCount, probeMetrics } from './probe-metrics.ts';
import { resourceMetrics } from './resource-metrics.ts';
import { claimUsages, podStorage, type PodStorage, type StorageReaderDeps, writableLayers } from './storage-reader.ts';
import { summary, type SummaryFacts } from './summary.ts';
import { volumeMetrics } from './volume-metrics.ts';
import { type NodeUsage, readNodeUsage } from './usage-reader.ts';

export interface UsagePagesDeps {
  clock: Clock;
  cri: Cri;
  cgroups: Cgroups;
  storage: StorageReaderDeps;
  /** The node agent's own figures. */
  metrics: Metrics;
  pods: { states(): PodState[]; probeCounts(): ProbeCount[] };
}

export interface UsagePagesOptions {
  nodeName: string;
  dataDir: string;
  cgroupRoot: string;
}

const prometheus = 'text/plain; version=0.0.4; charset=utf-8';

/** What the node and its pods use, for whoever asks. Nothing is measured before. */
export function usagePages(deps: UsagePagesDeps, options: UsagePagesOptions): Pages {
  const { clock, cgroups, pods, metrics } = deps;
  const { cgroupRoot, nodeName } = options;
  const samples = new SampleWindow<NodeUsage>(clock, () =>
    readNodeUsage({ cgroups, cgroupRoot, pods: () => pods.states() }),
  );
  const text =
    (read: () => Promise<string> | string): Page =>
    async () => ({ type: prometheus, body: await read() });
  const stats: Page = async (query) => {
    const isShort = ['1', 'true'].includes(query.get('only_cpu_and_memory') ?? '');
    const disks = isShort ? {} : { disks: await readDisks(deps, options) };
    const shown = summary(await samples.window(), { nodeName, ...disks });
    return { type: 'application/json', body: JSON.stringify(shown) };
  };
  const volumes = async () =>
    volumeMetrics(
      await Promise.all(pods.states().map(async ({ pod }) => ({ pod, volumes: await claimUsages(deps.storage, pod) }))),
    );
  return new Map([
    ['/stats/summary', stats],
    ['/metrics', text(async () => metrics.text() + exposition(await volumes()))],
    ['/metrics/resource', text(async () => resourceMetrics(await samples.latest()))],
    [
      '/metrics/cadvisor',
      text(async () => cadvisorMetrics(await samples.latest(), { cpus: os.availableParallelism() })),
    ],
    ['/metrics/probes', text(() => exposition(probeMetrics(pods.probeCounts())))],
  ]);
}

async function readDisks(
  { cri, storage: reader, pods }: UsagePagesDeps,
  { dataDir }: UsagePagesOptions,
): Promise<NonNullable<SummaryFacts['disks']>> {
  const [layers, node, { imageFilesystems = [] }] = await Promise.all([
    writableLayers(cri),
    fileSystemOf(dataDir),
    cri.images.ImageFsInfo({}).catch(() => ({ imageFilesystems: [] })),
  ]);
  const [images] = imageFilesystems;
  const size = await fileSystemOf(images?.fsId?.mountpoint ?? dataDir).catch(() => node);
  const used = { bytes: images?.usedBytes?.value ?? 0, inodes: images?.inodesUsed?.value ?? 0 };
  const storage = new Map<string, PodStorage>();
  for (const state of pods.states()) {
    storage.set(state.pod.metadata.uid ?? '', await podStorage(reader, state, layers));
  }
  return { node, images: { ...size, ...used }, pods: storage };
}
