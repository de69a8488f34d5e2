import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { GrpcServer } from '../../rpc/grpc-server.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import { PluginWatcher } from './plugin-watcher.ts';
import { type PluginInfo, registrationMethods } from './registration-api.ts';

/** A plugin's registration socket, and what it was told. */
class Plugin {
  readonly told: object[] = [];
  asked = 0;
  isReady = true;
  #server: GrpcServer | undefined;

  async listen(path: string, info: PluginInfo): Promise<void> {
    const handlers: Record<string, (request: object) => Promise<object>> = {
      GetInfo: async () => {
        this.asked++;
        if (!this.isReady) throw new RpcError('Unavailable', 'not yet');
        return info;
      },
      NotifyRegistrationStatus: async (status) => {
        this.told.push(status);
        return {};
      },
    };
    const methods = [...registrationMethods()].map(([name, method]) => ({ method, unary: handlers[name] }));
    this.#server = await GrpcServer.listen(path, methods);
  }

  close(): void {
    this.#server?.close();
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe('PluginWatcher', () => {
  let dir = '';
  let watcher: PluginWatcher;
  const plugins: Plugin[] = [];
  const news: string[] = [];
  const handlers = {
    Known: {
      register: async ({ name, endpoint }: { name: string; endpoint: string }) => {
        if (name === 'bad') throw new Error('no, thank you');
        news.push(`+${name} ${endpoint}`);
      },
      unregister: async (name: string) => void news.push(`-${name}`),
    },
  };

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'plugins-'));
    news.length = 0;
    watcher = new PluginWatcher({ clock: realClock, log: silentLog, handlers }, dir);
  });
  afterEach(async () => {
    watcher.stop();
    for (const plugin of plugins) plugin.close();
    await rm(dir, { recursive: true, force: true });
  });

  const plugin = async (socket: string, info: PluginInfo): Promise<Plugin> => {
    const made = new Plugin();
    plugins.push(made);
    await made.listen(join(dir, socket), info);
    return made;
  };

  it('takes in who was there, who comes, and hears who goes', async () => {
    const first = await plugin('a.sock', { type: 'Known', name: 'a', endpoint: '/a/csi.sock' });
    await writeFile(join(dir, 'notes.txt'), '');
    await plugin('.hidden.sock', { type: 'Known', name: 'hidden' });
    await watcher.start();
    await until(() => first.told.length === 1);
    expect(first.told).toEqual([{ pluginRegistered: true }]);
    const second = await plugin('b.sock', { type: 'Known', name: 'b' });
    await until(() => second.told.length === 1);
    await rm(join(dir, 'a.sock'));
    await until(() => news.length === 3);
    expect(news).toEqual(['+a /a/csi.sock', `+b ${join(dir, 'b.sock')}`, '-a']);
  });

  it('keeps a plugin whose next version has registered when the last one goes', async () => {
    await watcher.start();
    const first = await plugin('a-1.sock', { type: 'Known', name: 'a', endpoint: '/1' });
    await until(() => first.told.length === 1);
    const second = await plugin('a-2.sock', { type: 'Known', name: 'a', endpoint: '/2' });
    await until(() => second.told.length === 1);
    await rm(join(dir, 'a-1.sock'));
    await plugin('b.sock', { type: 'Known', name: 'b', endpoint: '/b' });
    await until(() => news.includes('+b /b'));
    expect(news).toEqual(['+a /1', '+a /2', '+b /b']);
  });

  it('takes another socket under the same name for another plugin', async () => {
    await watcher.start();
    const first = await plugin('a.sock', { type: 'Known', name: 'a', endpoint: '/1' });
    await until(() => first.told.length === 1);
    const second = await plugin('next.tmp', { type: 'Known', name: 'a', endpoint: '/2' });
    await until(() => second.told.length === 1);
    news.length = 0;
    await rename(join(dir, 'next.tmp'), join(dir, 'a.sock'));
    await until(() => second.told.length === 2);
    expect(news.at(-1)).toBe('+a /2');
  });

  it('says why somebody is not wanted', async () => {
    await watcher.start();
    const bad = await plugin('bad.sock', { type: 'Known', name: 'bad' });
    const strange = await plugin('c.sock', { type: 'Strange', name: 'c' });
    await until(() => bad.told.length > 0 && strange.told.length > 0);
    expect(bad.told[0]).toEqual({ error: 'no, thank you' });
    const error = `no handler registered for plugin type: Strange at socket ${join(dir, 'c.sock')}`;
    expect(strange.told[0]).toEqual({ error });
    expect(news).toEqual([]);
  });

  it('asks again who did not answer', async () => {
    const slow = new Plugin();
    plugins.push(slow);
    slow.isReady = false;
    await slow.listen(join(dir, 'a.sock'), { type: 'Known', name: 'a', endpoint: '/a' });
    await watcher.start();
    await until(() => slow.asked === 1);
    slow.isReady = true;
    await until(() => slow.told.length === 1);
    expect(news).toEqual(['+a /a']);
  });

  it('reaches sockets whose path is longer than the kernel takes', async () => {
    const deep = join(dir, 'd'.repeat(100));
    await mkdir(deep);
    await symlink(deep, join(dir, 's'));
    watcher = new PluginWatcher({ clock: realClock, log: silentLog, handlers }, deep);
    await watcher.start();
    const far = await plugin('s/a.sock', { type: 'Known', name: 'a', endpoint: '/a' });
    await until(() => far.told.length === 1);
    expect(news).toEqual(['+a /a']);
  });
});
