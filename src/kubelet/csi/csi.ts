import { sleep } from '../../base/clock.ts';
import { mountPoints } from '../../cri/mounts.ts';
import type { PodPaths } from '../pod-paths.ts';
import { type PluginHandler, PluginWatcher } from '../plugins/plugin-watcher.ts';
import { CsiDrivers } from './csi-drivers.ts';
import { CsiNodeWriter } from './csi-node.ts';
import { csiObjects } from './csi-objects.ts';
import { CsiVolumes, type CsiVolumesDeps } from './csi-volumes.ts';

/** So long at most a node that starts waits for drivers that were there before. */
const registeringMs = 2000;

export type CsiDeps = Pick<
  CsiVolumesDeps,
  'client' | 'clock' | 'log' | 'recorder' | 'tokens' | 'changed' | 'wake' | 'nodeName'
> & {
  paths: PodPaths;
  /** Other plugins that register in the same folder, by type. */
  handlers?: Readonly<Record<string, PluginHandler>>;
  /** By the kernel's own list unless told. */
  isMounted?: CsiVolumesDeps['isMounted'];
};

/** Everything of a node that CSI drivers have to do with. */
export interface Csi {
  volumes: CsiVolumes;
  /**
   * From when the node is registered: drivers may come, and those that are there are known. A node that cannot watch for them
   * runs pods all the same.
   */
  start(): Promise<void>;
  stop(): void;
}

/** Resolves when it is known what earlier agents have left. */
export async function createCsi({ client, paths, handlers, isMounted = isMountPoint, ...deps }: CsiDeps): Promise<Csi> {
  const { clock, log, nodeName } = deps;
  const objects = csiObjects(client);
  const node = new CsiNodeWriter({ client, clock }, nodeName);
  const drivers = new CsiDrivers({
    ...{ clock, log, node },
    nodePath: (path) => paths.ofKubelet(path),
    podPath: (path) => paths.inPods(path),
    registered: (name) => volumes.registered(name),
    rules: (name) => objects.driver(name),
  });
  const volumes = new CsiVolumes({
    ...deps,
    client,
    drivers,
    objects,
    paths: paths.csi,
    isMounted,
  });
  const ofPlugins = { ...handlers, CSIPlugin: drivers };
  const watcher = new PluginWatcher({ clock, log, handlers: ofPlugins }, paths.pluginsRegistryDir);
  await volumes.start();
  return {
    volumes,
    async start() {
      await node.ensure().catch((error: unknown) => log.warn({ error: String(error) }, 'no CSINode was made'));
      await watcher.start().catch((error: unknown) => log.warn({ error: String(error) }, 'plugins are not watched'));
      // Pods that are there already must not miss drivers that are, too.
      await Promise.race([watcher.settled(), sleep(clock, registeringMs)]);
    },
    stop() {
      watcher.stop();
      volumes.stop();
      drivers.stop();
    },
  };
}

/** A volume may be mounted from the same file system: only the list of mounts tells. */
const isMountPoint = async (path: string): Promise<boolean> =>
  (await mountPoints()).some((mount) => mount.path === path);
