import { mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { CSIDriver } from '../../api/generated/types.ts';
import { giveToGroup } from '../volumes/ownership.ts';
import { MountError } from '../volumes/volume.ts';
import type { VolumeCapability } from './csi-api.ts';
import { type CsiDriver, DriverError, type StageRequest } from './csi-driver.ts';
import type { CsiDrivers } from './csi-drivers.ts';
import { capabilityOf, type CsiMount, isGivenToGroup, volumeKey } from './csi-mount.ts';
import type { CsiPaths } from './csi-paths.ts';
import { readRecord, removeVolumeFolder, type VolumeRecord, writeRecord } from './volume-record.ts';

export interface CsiVolumeDeps {
  drivers: Pick<CsiDrivers, 'get'>;
  paths: CsiPaths;
  nodeName: string;
  /** Whether something is mounted on the path. */
  isMounted(path: string): Promise<boolean>;
}

/** One use of a volume: a volume of a pod. */
export interface VolumeUse {
  podUid: string;
  specName: string;
}

interface KnownUse extends VolumeUse {
  /** There may be something: a record is there. */
  isBegun: boolean;
  /** As far as this agent knows. */
  isPublished: boolean;
}

/** What a mount needs from the API; read only when it is really made. */
export interface MountInputs {
  rules: CSIDriver | undefined;
  publishContext(): Promise<Record<string, string>>;
  stageSecrets(): Promise<Record<string, string>>;
  /** Secrets, and the volume's context with what the driver is told of the pod. */
  publishing(): Promise<Pick<StageRequest, 'secrets' | 'volumeContext'>>;
}

/** What Kubernetes calls what failed, for folders and for devices. */
const steps = {
  stage: ['MountVolume.MountDevice', 'MapVolume.SetUpDevice'],
  publish: ['MountVolume.SetUp', 'MapVolume.MapPodDevice'],
} as const;

/**
 * One volume of a CSI driver on this node: staged once, published for each pod. Before each call a record is written, so that
 * whatever the call left can be undone by an agent that knows nothing else.
 */
export class CsiVolume {
  readonly driver: string;
  readonly handle: string;
  /** Of a device: the PersistentVolume's name, which its paths are made of. */
  #block: string | undefined;
  /** The VolumeAttachment, if it has to be attached. */
  attachment: string | undefined;
  readonly #deps: CsiVolumeDeps;
  /** By pod and name. */
  readonly #uses = new Map<string, KnownUse>();
  /** `maybe`: a record is there, of an earlier agent or of a call whose outcome is not known. */
  #staged: 'no' | 'maybe' | 'yes' = 'no';
  /** One call at a time: a driver must not be asked for two things of one volume at once. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: CsiVolumeDeps, { driver, handle }: Pick<CsiMount, 'driver' | 'handle'>) {
    this.#deps = deps;
    this.driver = driver;
    this.handle = handle;
  }

  get key(): string {
    return volumeKey(this);
  }

  get isUsed(): boolean {
    return this.#uses.size > 0;
  }

  get isStaged(): boolean {
    return this.#staged !== 'no';
  }

  usesOf(podUid: string): VolumeUse[] {
    return [...this.#uses.values()].filter((use) => use.podUid === podUid);
  }

  /** Takes in what an earlier agent has left a record of. */
  adoptStaging(record: VolumeRecord): void {
    this.#staged = 'maybe';
    this.attachment = record.attachmentID;
    this.#block = blockName(record);
  }

  /** The same for a pod's part. */
  adoptUse(use: VolumeUse, record: VolumeRecord): void {
    this.#uses.set(keyOf(use), { ...use, isBegun: true, isPublished: false });
    this.attachment ??= record.attachmentID;
    this.#block ??= blockName(record);
  }

  /** True when the pod has it already: published by this agent, or found mounted where an earlier one had it published. */
  async isPublished(use: VolumeUse): Promise<boolean> {
    const known = this.#uses.get(keyOf(use));
    if (!known) return false;
    known.isPublished ||= await this.#deps.isMounted(this.target(use));
    return known.isPublished;
  }

  target({ podUid, specName }: VolumeUse): string {
    const { paths } = this.#deps;
    return this.#block === undefined ? paths.target(podUid, specName) : paths.blockTarget(podUid, specName);
  }

  /** Stages it unless that is done, then publishes it: for the first time, or again for a driver that wants that. */
  mount(mount: CsiMount, inputs: MountInputs): Promise<void> {
    return this.#inTurn(async () => {
      const use = { podUid: mount.pod.metadata.uid ?? '', specName: mount.specName };
      if (mount.isBlock) this.#block = mount.specName;
      const known = this.#uses.get(keyOf(use)) ?? { ...use, isBegun: false, isPublished: false };
      this.#uses.set(keyOf(use), known);
      if (mount.mode === 'Persistent' && !known.isPublished)
        await inStep('stage', mount, () => this.#stage(mount, inputs));
      await inStep('publish', mount, () => this.#publish(mount, inputs, known));
    });
  }

  /** Undoes what the pod has of it; does nothing where nothing was begun. */
  unmount(use: VolumeUse): Promise<void> {
    return this.#inTurn(async () => {
      const folder = this.#deps.paths.podVolume(use.podUid, use.specName);
      const known = this.#uses.get(keyOf(use));
      // From now on nobody knows, whatever the driver answers.
      if (known) known.isPublished = false;
      if (await readRecord(folder)) {
        await this.#deps.drivers.get(this.driver).unpublish(this.handle, this.target(use));
        await removeVolumeFolder(folder, this.target(use));
        // Of devices: shared with other pods.
        if (this.#block) await rmdir(dirname(this.target(use))).catch(() => undefined);
      }
      this.#uses.delete(keyOf(use));
    });
  }

  /** Undoes the staging, unless somebody uses it by now. */
  unstage(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.isUsed || !this.isStaged) return;
      // Whatever the driver answers: who comes now has it staged again.
      this.#staged = 'maybe';
      const driver = this.#deps.drivers.get(this.driver);
      if ((await driver.capabilities()).has('STAGE_UNSTAGE_VOLUME')) await driver.unstage(this.handle, this.#staging);
      await this.#forgetStaging();
    });
  }

  get #staging(): string {
    const { paths } = this.#deps;
    return this.#block === undefined ? paths.staging(this.driver, this.handle) : paths.blockStaging(this.#block);
  }

  /** The record is written for every driver: it says that the volume is in use here. */
  async #stage(mount: CsiMount, inputs: MountInputs): Promise<void> {
    if (this.#staged === 'yes') return;
    const driver = this.#driverFor('attacher.MountDevice failed to create newCsiDriverClient');
    const capabilities = await driver.capabilities();
    const { paths } = this.#deps;
    await writeRecord(paths.stagedVolume(this.driver, this.handle), this.#recordOf(mount));
    // A refusal says nothing of an earlier call whose outcome is not known.
    const isFirst = this.#staged === 'no';
    this.#staged = 'maybe';
    await mkdir(this.#staging, { recursive: true, mode: 0o750 });
    if (capabilities.has('STAGE_UNSTAGE_VOLUME')) {
      const request = await this.#request(capabilityOf(mount, capabilities), inputs);
      const secrets = await inputs.stageSecrets();
      await driver.stage({ ...request, secrets, volumeContext: { ...mount.attributes } }).catch((error: unknown) =>
        this.#failed(error, async () => {
          if (isFirst) await this.#forgetStaging();
        }),
      );
    }
    this.#staged = 'yes';
  }

  async #publish(mount: CsiMount, inputs: MountInputs, use: KnownUse): Promise<void> {
    const driver = this.#driverFor('mounter.SetUpAt failed to get CSI client');
    const capabilities = await driver.capabilities();
    const folder = this.#deps.paths.podVolume(use.podUid, use.specName);
    const isStaging = mount.mode === 'Persistent' && capabilities.has('STAGE_UNSTAGE_VOLUME');
    const request = {
      ...(await this.#request(capabilityOf(mount, capabilities), inputs)),
      ...(await inputs.publishing()),
      ...{ targetPath: this.target(use), readonly: mount.readOnly },
      stagingTargetPath: isStaging ? this.#staging : '',
    };
    const isFirst = !use.isBegun;
    await writeRecord(folder, this.#recordOf(mount));
    use.isBegun = true;
    await mkdir(dirname(this.target(use)), { recursive: true, mode: 0o750 });
    await driver.publish(request).catch((error: unknown) =>
      // What a pod has, or may have, stays.
      this.#failed(error, async () => {
        if (!isFirst) return;
        await removeVolumeFolder(folder, this.target(use));
        use.isBegun = false;
      }),
    );
    if (!use.isPublished && isGivenToGroup(mount, inputs.rules, capabilities))
      await giveToGroup(this.target(use), mount.pod);
    use.isPublished = true;
  }

  #recordOf({ specName, mode }: CsiMount): VolumeRecord {
    return {
      ...{ specVolID: specName, volumeHandle: this.handle, driverName: this.driver, volumeLifecycleMode: mode },
      nodeName: this.#deps.nodeName,
      ...(this.attachment ? { attachmentID: this.attachment } : {}),
      ...(this.#block ? { volumeMode: 'Block' } : {}),
    };
  }

  async #request(volumeCapability: VolumeCapability, inputs: MountInputs) {
    const publishContext = await inputs.publishContext();
    return { volumeId: this.handle, publishContext, stagingTargetPath: this.#staging, volumeCapability };
  }

  #driverFor(what: string): CsiDriver {
    try {
      return this.#deps.drivers.get(this.driver);
    } catch (error) {
      throw new Error(`kubernetes.io/csi: ${what}: ${text(error)}`, { cause: error });
    }
  }

  async #forgetStaging(): Promise<void> {
    await removeVolumeFolder(this.#deps.paths.stagedVolume(this.driver, this.handle), this.#staging);
    this.#staged = 'no';
  }

  /** After a failure that leaves nothing behind, nothing is kept; a folder that would not go is tried again in the end. */
  async #failed(error: unknown, forget: () => Promise<void>): Promise<never> {
    if (error instanceof DriverError && error.isFinal) await forget().catch(() => undefined);
    throw error;
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#turn.catch(() => undefined).then(task);
    this.#turn = turn;
    return turn;
  }
}

const blockName = ({ volumeMode, specVolID }: VolumeRecord): string | undefined =>
  volumeMode === 'Block' ? specVolID : undefined;

const keyOf = ({ podUid, specName }: VolumeUse): string => `${podUid}/${specName}`;

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function inStep(
  step: keyof typeof steps,
  { specName, isBlock }: CsiMount,
  run: () => Promise<void>,
): Promise<void> {
  try {
    await run();
  } catch (error) {
    const what = `${steps[step][isBlock ? 1 : 0]} failed for volume "${specName}"`;
    throw new MountError(`${what} : ${text(error)}`, { cause: error, reason: isBlock ? 'FailedMapVolume' : undefined });
  }
}
