import type { PodPaths } from '../pod-paths.ts';
import { ClaimRecords } from './claim-records.ts';
import { ClaimedDevices, type ClaimedDevicesDeps } from './claimed-devices.ts';
import { DraDrivers, type DraDriversDeps } from './dra-drivers.ts';

/** Everything of a node that has to do with claims of devices. */
export interface Dra {
  drivers: DraDrivers;
  devices: ClaimedDevices;
}

type Deps = Pick<DraDriversDeps, 'client' | 'clock' | 'log' | 'nodeName'> & Pick<ClaimedDevicesDeps, 'wake'>;

/** Resolves when it is known what earlier agents have left. */
export async function createDra({ paths, wake, ...deps }: Deps & { paths: PodPaths }): Promise<Dra> {
  const registered = () => devices.driverCame();
  const drivers = new DraDrivers({ ...deps, registered, nodePath: (path) => paths.ofKubelet(path) });
  const records = new ClaimRecords(paths.claimsDir);
  await records.load();
  const devices = new ClaimedDevices({ client: deps.client, drivers, records, wake });
  return { drivers, devices };
}
