import { resourceclaims } from '../../api/generated/resources.ts';
import type { Pod, ResourceResourceClaim } from '../../api/generated/types.ts';
import { KeyedTurns } from '../../base/keyed-turns.ts';
import type { Client } from '../../client/client.ts';
import type { ContainerExtras, PodHook } from '../hooks/hook.ts';
import { PrepareError } from '../hooks/prepare-error.ts';
import type { AnyContainer } from '../worker/pod-spec.ts';
import type { ClaimRecord, ClaimRecords } from './claim-records.ts';
import type { ClaimReference, PreparedDevice } from './dra-api.ts';
import type { DraDrivers } from './dra-drivers.ts';

export interface ClaimedDevicesDeps {
  client: Client;
  drivers: DraDrivers;
  records: ClaimRecords;
  /** Pods that are to try again at once. */
  wake(uids: readonly string[]): void;
}

export interface ClaimedDevice {
  readonly claim: ClaimReference;
  readonly driver: string;
  readonly device: PreparedDevice;
}

/**
 * The devices that a pod claims (KEP-4381): made ready by their drivers before its sandbox, given to its containers, let go when
 * nothing of the last pod runs that uses the claim here.
 */
export class ClaimedDevices implements PodHook {
  readonly name = 'claimed-devices';
  readonly #deps: ClaimedDevicesDeps;
  /** One thing at a time with a claim: pods may share it. */
  readonly #turns = new KeyedTurns();
  /** Pods whose devices could not be made ready. */
  readonly #waiting = new Set<string>();

  constructor(deps: ClaimedDevicesDeps) {
    this.#deps = deps;
  }

  /** What failed for want of a driver may go now. */
  driverCame(): void {
    this.#deps.wake([...this.#waiting]);
  }

  async prepare(pod: Pod): Promise<void> {
    for (const { name } of pod.spec.resourceClaims ?? []) {
      const claimName = claimNameOf(pod, name);
      if (claimName !== undefined) await this.#prepareOne(pod, claimName);
    }
    const extended = pod.status.extendedResourceClaimStatus;
    if (extended) await this.#prepareOne(pod, extended.resourceClaimName);
  }

  /** Which devices of which claims a container has. */
  of(pod: Pod, container: AnyContainer): ClaimedDevice[] {
    const asked = (container.resources?.claims ?? []).map(({ name, request }) => ({
      claim: claimNameOf(pod, name),
      request,
    }));
    const { resourceClaimName: claim, requestMappings = [] } = pod.status.extendedResourceClaimStatus ?? {};
    for (const { containerName, requestName: request } of requestMappings)
      if (containerName === container.name) asked.push({ claim, request });
    return asked.flatMap(({ claim: name, request }) =>
      this.#devicesOf(pod, name).filter(({ device }) => isFor(device, request)),
    );
  }

  async extras({ pod, container }: { pod: Pod; container: AnyContainer }): Promise<ContainerExtras[]> {
    const ids = this.of(pod, container).flatMap(({ device }) => device.cdiDeviceIds ?? []);
    if (ids.length === 0) return [];
    const cdiDevices = [...new Set(ids)].map((name) => ({ name }));
    return [{ env: {}, mounts: [], devices: [], annotations: {}, cdiDevices }];
  }

  async teardown({ metadata: { uid = '' } }: Pod): Promise<void> {
    this.#waiting.delete(uid);
    for (const { uid: claim } of this.#deps.records.of(uid))
      await this.#turns.run(claim, () => this.#letGo(claim, uid));
  }

  async #prepareOne(pod: Pod, claimName: string): Promise<void> {
    const { client } = this.#deps;
    const { namespace = '', uid = '' } = pod.metadata;
    const known = this.#deps.records.of(uid).find((record) => record.name === claimName);
    if (known && isReady(known)) return;
    try {
      const claim = await client.get(resourceclaims, { namespace, name: claimName });
      checkUsable(claim, pod);
      await this.#turns.run(claim.metadata.uid as string, () => this.#makeReady(claim, uid));
      this.#waiting.delete(uid);
    } catch (error) {
      this.#waiting.add(uid);
      throw notPrepared((error as Error).message, error);
    }
  }

  async #makeReady({ metadata, status }: ResourceResourceClaim, pod: string): Promise<void> {
    const { drivers, records } = this.#deps;
    const { uid = '', name, namespace = '' } = metadata;
    const known = records.get(uid);
    const results = status?.allocation?.devices?.results ?? [];
    const asked = [...new Set(results.map(({ driver }) => driver))];
    const record: ClaimRecord = {
      ...{ uid, name, namespace },
      pods: [...new Set([...(known?.pods ?? []), pod])],
      devices: { ...Object.fromEntries(asked.map((driver) => [driver, null])), ...known?.devices },
    };
    await records.write(record);
    const devices = { ...record.devices };
    for (const driver of asked) devices[driver] ??= await drivers.prepare(driver, { namespace, uid, name });
    await records.write({ ...record, devices });
  }

  async #letGo(claimUid: string, pod: string): Promise<void> {
    const { drivers, records } = this.#deps;
    const record = records.get(claimUid);
    if (!record) return;
    const pods = record.pods.filter((one) => one !== pod);
    if (pods.length > 0) return records.write({ ...record, pods });
    const { namespace, uid, name } = record;
    for (const driver of Object.keys(record.devices)) await drivers.unprepare(driver, { namespace, uid, name });
    await records.remove(claimUid);
  }

  #devicesOf(pod: Pod, claim: string | undefined): ClaimedDevice[] {
    const record = this.#deps.records.of(pod.metadata.uid ?? '').find((one) => one.name === claim);
    if (!record) return [];
    return Object.entries(record.devices).flatMap(([driver, devices]) =>
      (devices ?? []).map((device) => ({ claim: record, driver, device })),
    );
  }
}

/** The claim that a pod means by a name of its own; undefined: it needs none. Throws when it was not made yet. */
function claimNameOf({ spec, status }: Pod, name: string): string | undefined {
  const asked = spec.resourceClaims?.find((one) => one.name === name);
  if (asked?.resourceClaimName) return asked.resourceClaimName;
  const made = status.resourceClaimStatuses?.find((one) => one.name === name);
  if (!made) throw notPrepared(`the ResourceClaim of "${name}" was not created yet`);
  return made.resourceClaimName;
}

const notPrepared = (why: string, cause?: unknown): PrepareError =>
  new PrepareError(`Failed to prepare dynamic resources: ${why}`, { reason: 'FailedPrepareDynamicResources', cause });

const isReady = ({ devices }: ClaimRecord): boolean => Object.values(devices).every((answer) => answer !== null);

function checkUsable({ metadata, status }: ResourceResourceClaim, pod: Pod): void {
  const { name, uid } = pod.metadata;
  if (!status?.allocation) throw new Error(`ResourceClaim ${metadata.name} is not allocated`);
  if (!status.reservedFor?.some((one) => one.uid === uid))
    throw new Error(`pod ${name} (${uid}) is not allowed to use ResourceClaim ${metadata.name} (${metadata.uid})`);
}

/** A container may be for one request of a claim alone; its name covers those below it. */
const isFor = ({ requestNames = [] }: PreparedDevice, request: string | undefined): boolean =>
  !request ||
  requestNames.length === 0 ||
  requestNames.some((name) => name === request || name.split('/')[0] === request);
