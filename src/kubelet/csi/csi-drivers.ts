import type { CSIDriver } from '../../api/generated/types.ts';
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
  /** The driver's object, as it is now. */
  rules(name: string): Promise<CSIDriver | undefined>;
}

/** The CSI drivers of this node: those that have registered. */
export class CsiDrivers implements PluginHandler {
  readonly #deps: CsiDriversDeps;
  readonly #drivers = new Map<string, CsiDriver>();
  /** What ends the next question of each driver. */
  readonly #questions = new Map<string, () => void>();
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
    await this.#askLater(driver);
  }

  async unregister(name: string): Promise<void> {
    this.#questions.get(name)?.();
    this.#drivers.get(name)?.close();
    if (this.#drivers.delete(name)) await this.#deps.node.uninstall(name);
  }

  stop(): void {
    for (const cancel of this.#questions.values()) cancel();
    for (const driver of this.#drivers.values()) driver.close();
    this.#drivers.clear();
  }

  /** How many volumes the node takes may change: a driver may want to be asked again (KEP-4876). Never rejects. */
  async #askLater(driver: CsiDriver): Promise<void> {
    const { clock, log, node, rules } = this.#deps;
    const seconds = (await rules(driver.name).catch(() => undefined))?.spec.nodeAllocatableUpdatePeriodSeconds;
    if (seconds === undefined || this.#drivers.get(driver.name) !== driver) return;
    const ask = async () => {
      await driver
        .info()
        .then((info) => node.install(driver.name, info))
        .catch((error: unknown) => log.warn({ driver: driver.name, error: String(error) }, 'CSINode not updated'));
      await this.#askLater(driver);
    };
    this.#questions.get(driver.name)?.();
    this.#questions.set(
      driver.name,
      clock.after(seconds * 1000, () => void ask(), { background: true }),
    );
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
