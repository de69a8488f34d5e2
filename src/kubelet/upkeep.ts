import type { ObjectReference, Pod } from '../api/generated/types.ts';
import { type Clock, every } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { Cri } from '../cri/cri.ts';
import type { Cgroups } from './cgroup/cgroups.ts';
import { removeOrphans } from './cleanup.ts';
import { Evictor } from './eviction/evictor.ts';
import { imageFolder, levelsOf, podUseOf } from './eviction/observe.ts';
import { isDisk } from './eviction/pressure.ts';
import type { PodUse } from './eviction/rank.ts';
import type { Pressure, Signal } from './eviction/thresholds.ts';
import type { ImageAccess } from './image-access/image-access.ts';
import { ImageGarbage } from './image-garbage.ts';
import { rotateLogs } from './logs/rotate.ts';
import type { PodDispatcher } from './pod-dispatcher.ts';
import type { PodPaths } from './pod-paths.ts';
import type { KubeletSettings } from './settings.ts';
import { fileSystemOf } from './usage/disk-usage.ts';
import { readMachineUsage } from './usage/machine-usage.ts';
import { podStorage, type StorageReaderDeps, writableLayers } from './usage/storage-reader.ts';
import { readNodeUsage } from './usage/usage-reader.ts';

export interface UpkeepDeps {
  cri: Cri;
  clock: Clock;
  log: Logger;
  recorder: EventRecorder;
  cgroups: Cgroups;
  paths: PodPaths;
  dispatcher: PodDispatcher;
  storage: StorageReaderDeps;
  imageAccess: ImageAccess;
  /** Undoes what a pod has beyond its folder. */
  releaseVolumes(podUid: string): Promise<void>;
  /** What the node is short of has changed. */
  changed(): void;
}

export interface UpkeepOptions {
  /** The node, for its events. */
  about: ObjectReference;
  dataDir: string;
  cgroupRoot: string;
  settings: KubeletSettings;
}

const periodMs = 10_000;
/** Images are looked at in every so many rounds: five minutes. */
const imageRounds = 30;

const imageVolumes = ({ spec }: Pod): string[] => (spec.volumes ?? []).flatMap(({ image }) => image?.reference ?? []);

/** What the node does for itself every ten seconds: leftovers, logs, what runs short; more rarely, images. */
export class Upkeep {
  readonly #deps: UpkeepDeps;
  readonly #options: UpkeepOptions;
  readonly #evictor: Evictor;
  readonly #garbage: ImageGarbage;
  #imageFolder: string | undefined;
  #rounds = 0;
  #isBusy = false;
  #stop: () => void = () => {};

  /** Throws for thresholds that are none. */
  constructor(deps: UpkeepDeps, options: UpkeepOptions) {
    this.#deps = deps;
    this.#options = options;
    const { cri, clock, log, recorder, dispatcher, imageAccess: access, changed } = deps;
    const { about, settings } = options;
    const fileSystem = async () => fileSystemOf(await this.#images());
    const mounted = () => dispatcher.states().flatMap(({ pod }) => imageVolumes(pod));
    this.#garbage = new ImageGarbage({ ...cri, clock, log, recorder, about, access, mounted, fileSystem }, settings);
    this.#evictor = new Evictor(
      {
        ...{ clock, log, recorder, about, changed, pods: dispatcher },
        levels: () => this.#levels(),
        uses: (signal) => this.#uses(signal),
        storageOf: async (state) => podStorage(this.#deps.storage, state, await writableLayers(cri)),
        reclaimDisk: () => this.#reclaimDisk(),
      },
      settings,
    );
  }

  get pressures(): ReadonlySet<Pressure> {
    return this.#evictor.pressures;
  }

  start(): void {
    this.#stop = every(this.#deps.clock, periodMs, () => void this.#round());
  }

  stop(): void {
    this.#stop();
  }

  /** One round at a time: a large disk may take longer to measure. */
  async #round(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    const { cri, clock, cgroups, paths, dispatcher, releaseVolumes } = this.#deps;
    const { cgroupRoot } = this.#options;
    await this.#try('leftovers', () =>
      removeOrphans({ paths, cgroups, cgroupRoot, releaseVolumes }, (uid) => dispatcher.mayKnow(uid)),
    );
    await this.#try('logs', () => rotateLogs({ runtime: cri.runtime, paths, clock }, dispatcher.runningContainers()));
    await this.#try('eviction', () => this.#evictor.check());
    if (++this.#rounds % imageRounds === 0) await this.#try('images', () => this.#garbage.collect());
    this.#isBusy = false;
  }

  async #try(what: string, run: () => Promise<void>): Promise<void> {
    await run().catch((error: unknown) => this.#deps.log.warn({ what, error: String(error) }, 'upkeep failed'));
  }

  async #images(): Promise<string> {
    this.#imageFolder ??= await imageFolder(this.#deps.cri, this.#options.dataDir);
    return this.#imageFolder;
  }

  async #levels() {
    return levelsOf(await readMachineUsage(), { node: this.#options.dataDir, images: await this.#images() });
  }

  async #uses(signal: Signal): Promise<PodUse[]> {
    const { cri, cgroups, dispatcher } = this.#deps;
    const { cgroupRoot } = this.#options;
    const { pods } = await readNodeUsage({ cgroups, cgroupRoot, pods: () => dispatcher.states() });
    if (!isDisk(signal)) return pods.map((pod) => podUseOf(pod));
    const layers = await writableLayers(cri);
    const states = new Map(dispatcher.states().map((state) => [state.pod.metadata.uid, state]));
    const uses: PodUse[] = [];
    for (const pod of pods) {
      const state = states.get(pod.pod.metadata.uid);
      uses.push(podUseOf(pod, state && (await podStorage(this.#deps.storage, state, layers))));
    }
    return uses;
  }

  async #reclaimDisk(): Promise<void> {
    this.#deps.dispatcher.collectGarbage();
    await this.#garbage.removeUnused();
  }
}
