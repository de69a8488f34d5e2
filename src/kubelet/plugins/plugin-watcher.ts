import { watch } from 'node:fs';
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { RpcMethod } from '../../rpc/protobuf.ts';
import { PluginConnection } from './plugin-connection.ts';
import { type PluginInfo, registrationMethods } from './registration-api.ts';

/** A plugin that has said who it is. */
export interface RegisteredPlugin {
  name: string;
  /** Where it listens, in its own words: a path as the plugin sees it. */
  endpoint: string;
  versions: readonly string[];
}

/** What serves one type of plugins. */
export interface PluginHandler {
  /** The plugin may be used from now on. A rejection is told to the plugin, which then usually ends and comes again. */
  register(plugin: RegisteredPlugin): Promise<void>;
  /** Its registration socket is gone. */
  unregister(name: string): Promise<void>;
}

export interface PluginWatcherDeps {
  clock: Clock;
  log: Logger;
  /** By type: `CSIPlugin`. */
  handlers: Readonly<Record<string, PluginHandler>>;
}

const callMs = 10_000;
const retry = { baseMs: 500, maxMs: 122_000 };

interface Socket {
  /** Another number: another socket under the same name. */
  inode: number;
  plugin?: { type: string; name: string };
  failures: number;
  cancelRetry(): void;
}

/**
 * Watches the folder in which plugins put their registration sockets (KEP-595, pluginregistration/v1): who comes is asked who
 * it is and told whether it may be used. Sockets that were there before count as news, so a restarted agent knows them again.
 */
export class PluginWatcher {
  readonly #deps: PluginWatcherDeps;
  readonly #folder: string;
  readonly #sockets = new Map<string, Socket>();
  #methods: Map<string, RpcMethod> | undefined;
  #stopWatching: () => void = () => {};
  /** One look at a time, each after the news that it is for. */
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(deps: PluginWatcherDeps, folder: string) {
    this.#deps = deps;
    this.#folder = folder;
  }

  /** Resolves when the folder is watched. */
  async start(): Promise<void> {
    const { log } = this.#deps;
    await mkdir(this.#folder, { recursive: true, mode: 0o750 });
    const watcher = watch(this.#folder, (_, name) => {
      if (name) this.#lookSoon(name);
    });
    watcher.on('error', (error) => log.warn({ error: String(error) }, 'plugins are not watched any more'));
    this.#stopWatching = () => watcher.close();
    for (const name of await readdir(this.#folder)) this.#lookSoon(name);
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopWatching();
    for (const { cancelRetry } of this.#sockets.values()) cancelRetry();
  }

  /** Resolves when who is known by now has been asked. */
  settled(): Promise<void> {
    return this.#looking;
  }

  #lookSoon(name: string): void {
    const { log } = this.#deps;
    this.#looking = this.#looking
      .then(() => this.#look(name))
      .catch((error: unknown) => log.warn({ plugin: name, error: String(error) }, 'plugin not looked at'));
  }

  async #look(name: string): Promise<void> {
    if (this.#isStopped || name.startsWith('.')) return;
    const found = await lstat(join(this.#folder, name)).catch(() => undefined);
    const inode = found?.isSocket() ? found.ino : undefined;
    const known = this.#sockets.get(name);
    if (known?.inode === inode) return;
    if (known) await this.#gone(name, known);
    if (inode === undefined) return;
    const socket: Socket = { inode, failures: 0, cancelRetry: () => {} };
    this.#sockets.set(name, socket);
    await this.#register(name, socket);
  }

  async #gone(name: string, { plugin, cancelRetry }: Socket): Promise<void> {
    cancelRetry();
    this.#sockets.delete(name);
    if (!plugin || this.#isServed(plugin)) return;
    this.#deps.log.info({ plugin: plugin.name }, 'plugin is gone');
    await this.#deps.handlers[plugin.type]?.unregister(plugin.name);
  }

  /** By another socket: a new version registers before the old one ends. */
  #isServed({ type, name }: { type: string; name: string }): boolean {
    return [...this.#sockets.values()].some(({ plugin }) => plugin?.type === type && plugin.name === name);
  }

  /** Never rejects: a socket may be there before anybody listens on it. */
  async #register(name: string, socket: Socket): Promise<void> {
    const { clock, log } = this.#deps;
    try {
      socket.plugin = await this.#ask(join(this.#folder, name));
      log.info({ plugin: socket.plugin.name }, 'plugin registered');
    } catch (error) {
      log.warn({ socket: name, error: String(error) }, 'plugin not registered');
      socket.cancelRetry = clock.after(backoffMs(++socket.failures, retry), () => {
        this.#looking = this.#looking.then(async () => {
          if (!this.#isStopped && this.#sockets.get(name) === socket) await this.#register(name, socket);
        });
      });
    }
  }

  async #ask(socketPath: string): Promise<{ type: string; name: string }> {
    this.#methods ??= registrationMethods();
    const connection = new PluginConnection(socketPath, { clock: this.#deps.clock, methods: this.#methods });
    try {
      const info = await connection.call<PluginInfo>('GetInfo', {}, callMs);
      const refusal = await this.#serve(info, socketPath).catch((error: unknown) => error);
      const error = refusal === undefined ? '' : refusal instanceof Error ? refusal.message : String(refusal);
      await connection.call('NotifyRegistrationStatus', { pluginRegistered: error === '', error }, callMs);
      if (error !== '') throw new Error(error);
      return { type: info.type ?? '', name: info.name ?? '' };
    } finally {
      connection.close();
    }
  }

  async #serve({ type = '', name = '', endpoint, supportedVersions = [] }: PluginInfo, socket: string): Promise<void> {
    const handler = this.#deps.handlers[type];
    if (!handler) throw new Error(`no handler registered for plugin type: ${type} at socket ${socket}`);
    await handler.register({ name, endpoint: endpoint || socket, versions: supportedVersions });
  }
}
