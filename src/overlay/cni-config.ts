import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface CniOptions {
  /** Unique on the machine: results of the plugins are kept under it. */
  networkName: string;
  /** This node's pods. */
  podCIDR: string;
  /** Where host-local keeps the addresses it gave; one folder per node. */
  dataDir: string;
  /** Bytes per packet of a pod's link. */
  mtu: number;
}

/**
 * A routed link per pod (ptp: no bridge, so every packet crosses the node's own rules), addresses from the node's block,
 * host ports. No plugin masquerades: the service proxy's table does. Source: CNI specification 0.4.0.
 */
export function cniConfig({ networkName, podCIDR, dataDir, mtu }: CniOptions): object {
  const ipam = {
    type: 'host-local',
    dataDir,
    ranges: [[{ subnet: podCIDR }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  return {
    cniVersion: '0.4.0',
    name: networkName,
    plugins: [
      { type: 'ptp', ipMasq: false, mtu, ipam },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

const fileName = '10-knarr.conflist';

/** Puts the configuration where the container runtime looks for it, whole or not at all; true when it changed. */
export async function writeCniConfig(confDir: string, config: object): Promise<boolean> {
  const path = join(confDir, fileName);
  const text = `${JSON.stringify(config, undefined, 2)}\n`;
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (before === text) return false;
  await mkdir(confDir, { recursive: true });
  // The runtime reads only names ending in .conf, .conflist and .json.
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
  return true;
}
