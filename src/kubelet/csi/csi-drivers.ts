import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { RpcMethod } from '../../rpc/protobuf.ts';
import type { PluginHandler, RegisteredPlugin } from '../plugins/plugin-watcher.ts';
import { nodeServiceMethods } from './csi-api.ts';
import { CsiDriver } from './csi-driver.ts';
import type { CsiNodeWriter } from './csi-node.ts';

export interface CsiDriversDeps {
  clock: Clock;
  log: Logger;
  node: Pick<CsiNodeWriter, 'install' | 'uninstall'>;
  /** Where a path that programs in pods know is on this machine. */
  nodePath(path: string): string;
  /** The other way around, for a driver that sees the node's folder at /var/lib/kubelet. */
  podPath(path: string): string;
  /** A driver may be used now. */
  registered(name: string): void;
}

/** The CSI drivers of this node: those that have registered. */
export class CsiDrivers implements PluginHandler {
  readonly #deps: CsiDriversDeps;
  readonly #drivers = new Map<string, CsiDriver>();
  #methods: Map<string, RpcMethod> | undefined;

  constructor(deps: CsiDriversDeps) {
    this.#deps = deps;
  }

  /** Throws in the words of Kubernetes' events. */
  get(name: string): CsiDriver {
    const driver = this.#drivers.get(name);
    if (!driver) throw new MissingDriverError(name);
    return driver;
  }

  async register(plugin: RegisteredPlugin): Promise<void> {
    const { name } = plugin;
    checkVersions(plugin);
    const driver = this.#connect(plugin);
    try {
      await this.#deps.node.install(name, await driver.info());
    } catch (error) {
      driver.close();
      throw error;
    }
    this.#drivers.get(name)?.close();
    this.#drivers.set(name, driver);
    this.#deps.registered(name);
  }

  async unregister(name: string): Promise<void> {
    this.#drivers.get(name)?.close();
    if (this.#drivers.delete(name)) await this.#deps.node.uninstall(name);
  }

  stop(): void {
    for (const driver of this.#drivers.values()) driver.close();
    this.#drivers.clear();
  }

  /** A driver that names its socket as pods see it gets all paths so: that is where it mounts the node's folder. */
  #connect({ name, endpoint }: RegisteredPlugin): CsiDriver {
    const { clock, nodePath, podPath } = this.#deps;
    const socketPath = nodePath(endpoint);
    const seenPath = socketPath === endpoint ? (path: string) => path : podPath;
    this.#methods ??= nodeServiceMethods();
    return new CsiDriver({ name, socketPath, seenPath }, { clock, methods: this.#methods });
  }
}

/** No driver of this name has registered, or it has gone again. */
export class MissingDriverError extends Error {
  override readonly name = 'MissingDriverError';

  constructor(driver: string) {
    super(`driver name ${driver} not found in the list of registered CSI drivers`);
  }
}

/** Version 1 of the interface is the one that is spoken here. */
function checkVersions({ name, versions }: RegisteredPlugin): void {
  const failed = `kubernetes.io/csi: RegisterPlugin for CSI driver "${name}" failed.`;
  if (versions.length === 0) throw new Error(`${failed} Plugin returned an empty list for supported versions`);
  if (versions.some((version) => /^v?1(\.|$)/.test(version))) return;
  const listed = versions.map((version) => `"${version}"`).join(' ');
  throw new Error(`${failed} None of the versions specified [${listed}] are supported. err=no version is 1.x`);
}
