import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Pod } from '../../api/generated/types.ts';
import { GrpcServer } from '../../rpc/grpc-server.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { ClaimedDevice, ClaimedDevices } from '../dra/claimed-devices.ts';
import { containersOf } from '../worker/pod-spec.ts';
import type { DeviceManager } from './device-manager.ts';
import { deviceApis } from './device-plugin-api.ts';

export interface PodResourcesDeps {
  devices: Pick<DeviceManager, 'of' | 'all'>;
  claimedDevices: Pick<ClaimedDevices, 'of'>;
  /** The pods of this node. */
  pods(): readonly Pod[];
}

/** The pod resources API (podresources/v1): which container has which devices, for whoever watches over them. */
export async function servePodResources(deps: PodResourcesDeps, socketPath: string): Promise<GrpcServer> {
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o750 });
  await rm(socketPath, { force: true });
  const handlers: Record<string, (request: object) => Promise<object>> = {
    List: async () => ({ podResources: deps.pods().map((pod) => resourcesOf(deps, pod)) }),
    async Get(request) {
      const { podName, podNamespace } = request as { podName?: string; podNamespace?: string };
      const pod = deps.pods().find(({ metadata }) => metadata.name === podName && metadata.namespace === podNamespace);
      if (!pod) throw new RpcError('NotFound', `pod ${podName} in namespace ${podNamespace} not found`);
      return { podResources: resourcesOf(deps, pod) };
    },
    GetAllocatableResources: async () => ({
      devices: [...deps.devices.all()].map(([resourceName, devices]) => ({
        resourceName,
        deviceIds: devices.filter(({ isHealthy }) => isHealthy).map(({ id }) => id),
      })),
    }),
  };
  const { resources } = deviceApis();
  return GrpcServer.listen(
    socketPath,
    [...resources].map(([name, method]) => ({ method, unary: handlers[name] as (request: object) => Promise<object> })),
  );
}

function resourcesOf({ devices, claimedDevices }: PodResourcesDeps, pod: Pod): object {
  const { name, namespace, uid = '' } = pod.metadata;
  const has = devices.of(uid);
  const containers = containersOf(pod).map(({ container }) => ({
    name: container.name,
    devices: [...(has.get(container.name) ?? [])].map(([resourceName, deviceIds]) => ({ resourceName, deviceIds })),
    dynamicResources: byClaim(claimedDevices.of(pod, container)),
  }));
  return { name, namespace, containers };
}

function byClaim(devices: readonly ClaimedDevice[]): object[] {
  const claims = new Map<string, { claimName: string; claimNamespace: string; claimResources: object[] }>();
  for (const { claim, driver: driverName, device } of devices) {
    const { uid, name: claimName, namespace: claimNamespace } = claim;
    const { poolName, deviceName, shareId, cdiDeviceIds = [] } = device;
    const known = claims.get(uid) ?? { claimName, claimNamespace, claimResources: [] };
    const cdiDevices = cdiDeviceIds.map((name) => ({ name }));
    known.claimResources.push({ cdiDevices, driverName, poolName, deviceName, ...(shareId ? { shareId } : {}) });
    claims.set(uid, known);
  }
  return [...claims.values()];
}
