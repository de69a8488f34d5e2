import type { CSIDriver, Node, PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types.ts';
import { attachmentName, volumeNameOnNode } from '../../api/storage/csi.ts';
import { backoffMs } from '../../base/backoff.ts';
import type { Logger } from '../../base/log.ts';
import type { TokenSource, TokenStatus } from '../volumes/token-source.ts';
import { MountError } from '../volumes/volume.ts';
import { AttachmentWait } from './attachment-wait.ts';
import { MissingDriverError } from './csi-drivers.ts';
import { checkMode, type CsiMount, needsAttachment, podInfo, tokensKey, volumeDueKey } from './csi-mount.ts';
import type { CsiObjects } from './csi-objects.ts';
import { CsiVolume, type CsiVolumeDeps, type MountInputs, type VolumeUse } from './csi-volume.ts';
import { NodeExpansion, type NodeExpansionDeps } from './node-expansion.ts';
import { namesIn, readRecord, type VolumeRecord } from './volume-record.ts';

export interface CsiVolumesDeps extends CsiVolumeDeps, NodeExpansionDeps {
  log: Logger;
  objects: CsiObjects;
  tokens: Pick<TokenSource, 'tokenStatus'>;
  /** What the node uses is something else now: it tells so. */
  changed(): void;
  /** Pods that could not be mounted for want of a driver may try again. */
  wake(podUids: readonly string[]): void;
}

const unstageRetry = { baseMs: 500, maxMs: 122_000 };
/** How often a driver that wants it is asked to publish again; about as often as Kubernetes looks after a pod. */
const republishMs = 60_000;

/**
 * Volumes of CSI drivers on this node (CSI v1, KEP-178): attached, staged once, published for each pod, and all of it undone
 * when the last pod is gone. What is there is found again from the records on disk.
 */
export class CsiVolumes {
  readonly #deps: CsiVolumesDeps;
  readonly #volumes = new Map<string, CsiVolume>();
  readonly #attachments: AttachmentWait;
  readonly #expansion: NodeExpansion;
  /** Volumes that are being mounted just now, with how often. */
  readonly #mounting = new Map<string, number>();
  /** By driver: pods that it is missing for. */
  readonly #missed = new Map<string, Set<string>>();
  readonly #republishAt = new Map<string, number>();
  readonly #unstaging = new Map<string, { failures: number; cancel(): void }>();
  #isStopped = false;

  constructor(deps: CsiVolumesDeps) {
    this.#deps = deps;
    this.#attachments = new AttachmentWait(deps.clock);
    this.#expansion = new NodeExpansion(deps);
  }

  /** Reads what earlier agents have left; before the node tells what it uses. */
  async start(): Promise<void> {
    const { paths } = this.#deps;
    for (const driver of await namesIn(paths.stagedDir))
      for (const name of await namesIn(`${paths.stagedDir}/${driver}`)) {
        const record = await this.#record(`${paths.stagedDir}/${driver}/${name}`);
        if (record) this.#volumeOf(record).adoptStaging(record);
      }
    for (const podUid of await namesIn(paths.podsDir)) await this.#adoptPod(podUid);
    for (const volume of this.#volumes.values()) this.#unstageSoon(volume);
  }

  stop(): void {
    this.#isStopped = true;
    for (const { cancel } of this.#unstaging.values()) cancel();
  }

  /** Names of attached volumes that must not be taken from the node, for its status. */
  inUse(): string[] {
    const volumes = [...this.#volumes.values()];
    return volumes
      .filter((one) => one.attachment !== undefined && this.#isBusy(one))
      .map(({ key }) => key)
      .sort();
  }

  /** The node's object has changed: volumes may have been attached. */
  observe(node: Node): void {
    this.#attachments.observe(node);
  }

  /** A driver may be used now. */
  registered(driver: string): void {
    const pods = this.#missed.get(driver);
    this.#missed.delete(driver);
    if (pods) this.#deps.wake([...pods]);
    for (const volume of this.#volumes.values()) if (volume.driver === driver) this.#unstageSoon(volume);
  }

  /** Makes it ready for the pod; answers the path to mount. Rejects in the words of the FailedMount event. */
  async mount(mount: CsiMount, signal?: AbortSignal): Promise<string> {
    const volume = this.#volumeOf({ driverName: mount.driver, volumeHandle: mount.handle });
    const { key } = volume;
    this.#mounting.set(key, (this.#mounting.get(key) ?? 0) + 1);
    try {
      return await this.#mountHeld(mount, volume, signal);
    } finally {
      const left = (this.#mounting.get(key) ?? 1) - 1;
      if (left > 0) this.#mounting.set(key, left);
      else this.#mounting.delete(key);
      this.#forgetIdle(volume);
    }
  }

  async #mountHeld(mount: CsiMount, volume: CsiVolume, signal?: AbortSignal): Promise<string> {
    const use = { podUid: mount.pod.metadata.uid ?? '', specName: mount.specName };
    const rules = await this.#deps.objects.driver(mount.driver);
    if (!(await volume.isPublished(use))) {
      checkMode(mount, rules);
      if (needsAttachment(mount, rules)) await this.#attached(volume, mount, signal);
    } else if (!this.#isToRepublish(mount, rules)) return volume.target(use);
    signal?.throwIfAborted();
    try {
      await volume.mount(mount, this.#inputs(mount, volume, rules));
    } catch (error) {
      this.#noteMissing(error, mount);
      throw error;
    }
    if (rules?.spec.requiresRepublish) this.#republishAt.set(volumeDueKey(mount), this.#deps.clock.now() + republishMs);
    return volume.target(use);
  }

  /** Has a mounted volume grow as far as its claim may. Never rejects. */
  async expand(mount: CsiMount, claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    await this.#expansion.consider(mount, claim, volume);
  }

  /** When the pod's volume is to be looked at again: for a driver that publishes anew, or for growth. Epoch milliseconds. */
  refreshAtMs(podUid: string, volumeName: string): number | undefined {
    const key = `${podUid}/${volumeName}`;
    const times = [this.#republishAt.get(key), this.#expansion.lookAtMs(key)].filter((time) => time !== undefined);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  /** Undoes all that the pod has, also of an earlier agent. Rejects when a driver could not do its part: try again. */
  async teardown(podUid: string): Promise<void> {
    for (const key of this.#republishAt.keys()) if (key.startsWith(`${podUid}/`)) this.#republishAt.delete(key);
    for (const pods of this.#missed.values()) pods.delete(podUid);
    this.#expansion.forget(podUid);
    await this.#adoptPod(podUid);
    const failures: string[] = [];
    for (const volume of this.#volumes.values()) {
      for (const use of volume.usesOf(podUid))
        await this.#unmount(volume, use).catch((e: Error) => failures.push(e.message));
      this.#unstageSoon(volume);
    }
    if (failures.length > 0) throw new Error(failures.join('; '));
  }

  async #unmount(volume: CsiVolume, use: VolumeUse): Promise<void> {
    try {
      await volume.unmount(use);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`UnmountVolume.TearDown failed for volume "${use.specName}" : ${text}`, { cause: error });
    }
  }

  #isBusy(volume: CsiVolume): boolean {
    return volume.isUsed || volume.isStaged || this.#mounting.has(volume.key);
  }

  #volumeOf({ driverName: driver, volumeHandle: handle }: VolumeRecord): CsiVolume {
    const key = volumeNameOnNode(driver, handle);
    const known = this.#volumes.get(key) ?? new CsiVolume(this.#deps, { driver, handle });
    this.#volumes.set(key, known);
    return known;
  }

  /** Uses of the pod that only the disk knows. */
  async #adoptPod(podUid: string): Promise<void> {
    const { paths } = this.#deps;
    for (const specName of await namesIn(paths.podVolumesDir(podUid))) {
      const record = await this.#record(paths.podVolume(podUid, specName));
      if (!record) continue;
      const volume = this.#volumeOf(record);
      const isKnown = volume.usesOf(podUid).some((use) => use.specName === specName);
      if (!isKnown) volume.adoptUse({ podUid, specName }, record);
    }
  }

  /** A record that cannot be read is left for people to look at. */
  async #record(folder: string): Promise<VolumeRecord | undefined> {
    return readRecord(folder).catch((error: unknown) => {
      this.#deps.log.error({ folder, error: String(error) }, 'the record of a volume is not readable');
      return undefined;
    });
  }

  async #attached(volume: CsiVolume, mount: CsiMount, signal?: AbortSignal): Promise<void> {
    volume.attachment ??= attachmentName(mount.handle, mount.driver, this.#deps.nodeName);
    this.#deps.changed();
    try {
      await this.#attachments.wait(volume.key, signal);
    } catch (error) {
      if (signal?.aborted) throw error;
      const text = error instanceof Error ? error.message : String(error);
      throw new MountError(
        `Unable to attach or mount volumes: unmounted volumes=[${mount.volumeName}], unattached volumes=[${mount.volumeName}], failed to process volumes=[]: ${text}`,
      );
    }
  }

  #inputs(mount: CsiMount, volume: CsiVolume, rules: CSIDriver | undefined): MountInputs {
    const { objects } = this.#deps;
    const secretsOf = async (name: string, reference: CsiMount['stageSecret']): Promise<Record<string, string>> => {
      if (!reference) return {};
      try {
        return await objects.secret(reference);
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        throw new Error(`fetching ${name} ${reference.namespace}/${reference.name} failed: ${text}`, { cause: error });
      }
    };
    return {
      rules,
      stageSecrets: () => secretsOf('NodeStageSecretRef', mount.stageSecret),
      publishContext: async () => {
        if (volume.attachment === undefined) return {};
        const { metadata, status } = await objects.attachment(volume.attachment);
        if (metadata.deletionTimestamp) throw new Error('volume attachment is being deleted');
        return status?.attachmentMetadata ?? {};
      },
      publishing: async () => {
        const tokens = await this.#tokens(mount, rules);
        const inSecrets = rules?.spec.serviceAccountTokenInSecrets === true;
        const secrets = await secretsOf('NodePublishSecretRef', mount.publishSecret);
        const volumeContext = { ...mount.attributes, ...podInfo(mount, rules) };
        return {
          secrets: { ...secrets, ...(inSecrets ? tokens : {}) },
          volumeContext: { ...volumeContext, ...(inSecrets ? {} : tokens) },
        };
      },
    };
  }

  /** Tokens of the pod's service account for the audiences that the driver names. */
  async #tokens({ pod }: CsiMount, rules: CSIDriver | undefined): Promise<Record<string, string>> {
    const requests = rules?.spec.tokenRequests ?? [];
    if (requests.length === 0) return {};
    const byAudience: Record<string, TokenStatus> = {};
    for (const { audience, expirationSeconds } of requests)
      byAudience[audience] = await this.#deps.tokens.tokenStatus(pod, { path: '', audience, expirationSeconds });
    return { [tokensKey]: JSON.stringify(byAudience) };
  }

  #isToRepublish(mount: CsiMount, rules: CSIDriver | undefined): boolean {
    if (!rules?.spec.requiresRepublish) return false;
    return (this.#republishAt.get(volumeDueKey(mount)) ?? 0) <= this.#deps.clock.now();
  }

  #noteMissing(error: unknown, { pod, driver }: CsiMount): void {
    let cause = error;
    while (cause instanceof Error && !(cause instanceof MissingDriverError)) cause = cause.cause;
    if (!(cause instanceof MissingDriverError)) return;
    const pods = this.#missed.get(driver) ?? new Set<string>();
    this.#missed.set(driver, pods.add(pod.metadata.uid ?? ''));
  }

  #unstageSoon(volume: CsiVolume): void {
    if (volume.isUsed || this.#isStopped) return;
    this.#unstage(volume).catch((error: unknown) => {
      this.#deps.log.warn({ volume: volume.key, error: String(error) }, 'UnmountVolume.UnmountDevice failed');
    });
  }

  /** Rejects when it has to be tried again, for which a timer is set. */
  async #unstage(volume: CsiVolume): Promise<void> {
    const { clock } = this.#deps;
    const { key } = volume;
    const work = this.#unstaging.get(key) ?? { failures: 0, cancel: () => {} };
    work.cancel();
    this.#unstaging.set(key, work);
    try {
      await volume.unstage();
      this.#unstaging.delete(key);
      this.#forgetIdle(volume);
    } catch (error) {
      if (!this.#isStopped)
        work.cancel = clock.after(backoffMs(++work.failures, unstageRetry), () => this.#unstageSoon(volume));
      throw error;
    }
  }

  #forgetIdle(volume: CsiVolume): void {
    if (this.#isBusy(volume) || !this.#volumes.delete(volume.key)) return;
    if (volume.attachment !== undefined) this.#deps.changed();
  }
}
