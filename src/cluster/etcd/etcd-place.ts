import { join } from 'node:path';

/** Where the etcd member of a cluster is on this machine. */
export interface EtcdPlace {
  /** What other members call it: its machine's address, which no two have. */
  name: string;
  address: string;
  dir: string;
  dataDir: string;
  configFile: string;
  /** Of the API server on this machine. */
  localUrl: string;
  /** Of those on other machines. */
  clientUrl: string;
  /** Of other members. */
  peerUrl: string;
}

/** Not etcd's own ports: where systemd runs Debian's package, they are taken. */
const firstPort = 12_379;

/** Follows from the cluster's folder, its number on this machine and the address by which other machines reach this one. */
export function etcdPlaceOf({ dir, index, address }: { dir: string; index: number; address: string }): EtcdPlace {
  const port = firstPort + 2 * index;
  const etcdDir = join(dir, 'etcd');
  return {
    name: address,
    address,
    dir: etcdDir,
    dataDir: join(etcdDir, 'data'),
    configFile: join(etcdDir, 'etcd.yaml'),
    localUrl: `https://127.0.0.1:${port}`,
    clientUrl: `https://${address}:${port}`,
    peerUrl: `https://${address}:${port + 1}`,
  };
}
