import { persistentvolumeclaims } from '../../api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/types.ts';
import { compareQuantity, wholeValue } from '../../api/meta/quantity.ts';
import { isConflict } from '../../api/meta/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder, EventType } from '../../client/event-recorder.ts';
import { storageOf } from '../../placement/volumes/volume-matching.ts';
import { DriverError } from './csi-driver.ts';
import type { CsiDrivers } from './csi-drivers.ts';
import { capabilityOf, type CsiMount, volumeDueKey } from './csi-mount.ts';
import type { CsiObjects } from './csi-objects.ts';
import type { CsiPaths } from './csi-paths.ts';

export interface NodeExpansionDeps {
  client: Client;
  clock: Clock;
  drivers: Pick<CsiDrivers, 'get'>;
  objects: Pick<CsiObjects, 'secret'>;
  paths: CsiPaths;
  recorder: EventRecorder;
  nodeName: string;
}

/** A node may only get a claim, not watch it (system:node): it is looked at about as often as Kubernetes looks after a pod. */
const lookMs = 60_000;
const infeasible = 'NodeResizeInfeasible';

/** The node's part in growing a volume (KEP-556): once its driver's controller has made it larger, its file system grows. */
export class NodeExpansion {
  readonly #deps: NodeExpansionDeps;
  readonly #lookAt = new Map<string, number>();

  constructor(deps: NodeExpansionDeps) {
    this.#deps = deps;
  }

  /** When the claim is to be looked at again; undefined where nothing can grow. */
  lookAtMs(key: string): number | undefined {
    return this.#lookAt.get(key);
  }

  forget(podUid: string): void {
    for (const key of this.#lookAt.keys()) if (key.startsWith(`${podUid}/`)) this.#lookAt.delete(key);
  }

  /** Of a volume that the pod has mounted. Never rejects: the pod goes on with what it has, and people are told. */
  async consider(mount: CsiMount, claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    const { clock, drivers } = this.#deps;
    try {
      const driver = drivers.get(mount.driver);
      const capabilities = await driver.capabilities();
      if (mount.readOnly || !capabilities.has('EXPAND_VOLUME')) return;
      this.#lookAt.set(volumeDueKey(mount), clock.now() + lookMs);
      if (isToGrow(claim, volume)) await this.#grow(mount, claim, volume);
    } catch (error) {
      // Somebody else wrote the claim meanwhile: the next look knows it.
      if (!isToGrow(claim, volume) || isConflict(error)) return;
      const text = error instanceof Error ? error.message : String(error);
      const message = `NodeExpandVolume.NodeExpandVolume failed for volume "${mount.specName}" : ${text}`;
      this.#say(mount.pod, claim, { type: 'Warning', reason: 'VolumeResizeFailed', message });
      const isInfeasible = error instanceof DriverError && error.isInfeasible;
      const states = { allocatedResourceStatuses: { storage: infeasible } };
      if (isInfeasible) await this.#write(claim, states).catch(() => undefined);
    }
  }

  async #grow(mount: CsiMount, claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    const { drivers, objects, paths, nodeName } = this.#deps;
    const driver = drivers.get(mount.driver);
    const capabilities = await driver.capabilities();
    const storage = volume.spec.capacity?.['storage'] ?? '0';
    const { specName, isBlock } = mount;
    const uid = mount.pod.metadata.uid ?? '';
    const isStaging = capabilities.has('STAGE_UNSTAGE_VOLUME');
    const staging = isBlock ? paths.blockStaging(specName) : paths.staging(mount.driver, mount.handle);
    await driver.expand({
      volumeId: mount.handle,
      volumePath: isBlock ? paths.blockTarget(uid, specName) : paths.target(uid, specName),
      capacityRange: { requiredBytes: wholeValue(storage) },
      stagingTargetPath: isStaging ? staging : '',
      volumeCapability: capabilityOf(mount, capabilities),
      secrets: mount.expandSecret ? await objects.secret(mount.expandSecret) : {},
    });
    const conditions = claim.status?.conditions?.filter(({ type }) => !resizing.has(type)) ?? [];
    const capacity = { ...claim.status?.capacity, storage };
    await this.#write(claim, { capacity, conditions, allocatedResourceStatuses: { storage: null } });
    const message = `MountVolume.NodeExpandVolume succeeded for volume "${mount.specName}" ${nodeName}`;
    this.#say(mount.pod, claim, { type: 'Normal', reason: 'FileSystemResizeSuccessful', message });
  }

  async #write({ metadata }: PersistentVolumeClaim, status: object): Promise<void> {
    const { namespace, name, resourceVersion } = metadata;
    const body = { metadata: { resourceVersion }, status };
    const subresource = { subresource: 'status' };
    await this.#deps.client.patch(persistentvolumeclaims, { namespace, name }, { type: 'merge', body }, subresource);
  }

  #say(pod: Pod, claim: PersistentVolumeClaim, { type, reason, message }: Said): void {
    const { recorder } = this.#deps;
    recorder.event({ ...pod, kind: 'Pod', apiVersion: 'v1' }, type, reason, message);
    recorder.event({ ...claim, kind: 'PersistentVolumeClaim', apiVersion: 'v1' }, type, reason, message);
  }
}

interface Said {
  type: EventType;
  reason: string;
  message: string;
}

const resizing: ReadonlySet<string> = new Set(['Resizing', 'FileSystemResizePending']);

/** The volume is larger than its claim knows; what the driver has called impossible is the controller's turn again. */
const isToGrow = ({ status }: PersistentVolumeClaim, { spec }: PersistentVolume): boolean =>
  status?.allocatedResourceStatuses?.['storage'] !== infeasible &&
  compareQuantity(storageOf(spec.capacity), storageOf(status?.capacity)) > 0;
