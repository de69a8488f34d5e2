import { lstat, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigMap, Pod, PodSpec, Secret, TokenRequest, Volume } from '../../api/generated/types.ts';
import { seededRng } from '../../base/rng.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import type { Client } from '../../client/client.ts';
import { type Command, runCommand } from '../../host/command.ts';
import { writeAtomically } from './atomic-writer.ts';
import { mountSubPath } from './sub-path.ts';
import { TokenSource } from './token-source.ts';
import { volumeKinds } from './volumes.ts';

const clock = new VirtualClock();
const rng = seededRng(1);
let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'volumes-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const podOf = (spec: Partial<PodSpec> = {}): Pod => ({
  metadata: { name: 'p', namespace: 'ns', uid: 'u', labels: { b: '2', a: '1' } },
  spec: { serviceAccountName: 'sa', containers: [{ name: 'c' }], ...spec },
  status: {},
});

function tokensOf(requests: TokenRequest[]): TokenSource {
  const createSubresource = async (...[, , , body]: unknown[]) => {
    requests.push(body as TokenRequest);
    const expirationTimestamp = new Date(clock.now() + 1_000_000).toISOString();
    return { ...(body as TokenRequest), status: { token: `t${requests.length}`, expirationTimestamp } };
  };
  return new TokenSource({ clock, client: { createSubresource } as unknown as Client });
}

async function prepare(volume: Omit<Volume, 'name'>, { pod = podOf(), tokens = tokensOf([]) } = {}): Promise<string> {
  const named = { name: 'v', ...volume };
  const kind = volumeKinds.find((candidate) => candidate.handles(named));
  const configMap: ConfigMap = { metadata: { name: 'c' }, data: { k: 'v', z: 'y' }, binaryData: { bin: 'AAE=' } };
  const secret: Secret = { metadata: { name: 's' }, data: { k: Buffer.from('hidden').toString('base64') } };
  const input = { pod, volume: named, diskDir: join(dir, 'disk'), memoryDir: join(dir, 'memory') };
  const objects = {
    configMap: async (_: string, name: string) => (name === 'c' ? configMap : undefined),
    secret: async (_: string, name: string) => (name === 's' ? secret : undefined),
  };
  const fieldsOf = () => ({ podIps: ['10.0.0.1'], hostIps: [], allocatable: {} });
  return (await kind?.prepare(input, { clock, rng, run: runCommand, objects, tokens, fieldsOf })) ?? '';
}
const text = (path: string, name: string) => readFile(join(path, name), 'utf8');

describe('volumes', () => {
  it('configMap: all keys, or chosen ones under other names with their modes', async () => {
    const all = await prepare({ configMap: { name: 'c' } });
    expect(await text(all, 'k')).toBe('v');
    expect([...(await readFile(join(all, 'bin')))]).toEqual([0, 1]);
    const some = await prepare({ configMap: { name: 'c', items: [{ key: 'k', path: 'x/y', mode: 0o600 }] } });
    expect(await text(some, 'x/y')).toBe('v');
    await expect(lstat(join(some, 'z'))).rejects.toThrow();
    expect((await stat(join(some, 'x/y'))).mode & 0o777).toBe(0o600);
  });

  it('a missing object fails unless it is optional', async () => {
    await expect(prepare({ secret: { secretName: 'none' } })).rejects.toThrow('secret "none" not found');
    await prepare({ secret: { secretName: 'none', optional: true } });
    await expect(prepare({ configMap: { name: 'c', items: [{ key: 'no', path: 'x' }] } })).rejects.toThrow(
      'non-existent config key: no',
    );
  });

  it('projected: token, object and fields in one folder; the token is renewed at 80 % of its life', async () => {
    const requests: TokenRequest[] = [];
    const tokens = tokensOf(requests);
    const sources = [
      { serviceAccountToken: { path: 'token', expirationSeconds: 1000, audience: 'me' } },
      { secret: { name: 's' } },
      { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
    ];
    const path = await prepare({ projected: { sources } }, { tokens });
    expect([await text(path, 'token'), await text(path, 'k'), await text(path, 'labels')]).toEqual([
      't1',
      'hidden',
      'a="1"\nb="2"',
    ]);
    expect(requests[0]?.spec).toMatchObject({
      audiences: ['me'],
      expirationSeconds: 1000,
      boundObjectRef: { kind: 'Pod', name: 'p', uid: 'u' },
    });
    await clock.advance(799_000);
    await prepare({ projected: { sources } }, { tokens });
    expect(await text(path, 'token')).toBe('t1');
    await clock.advance(2000);
    await prepare({ projected: { sources } }, { tokens });
    expect(await text(path, 'token')).toBe('t2');
  });

  it.runIf(process.getuid?.() === 0)('fsGroup owns what the pod may write', async () => {
    const pod = podOf({ securityContext: { fsGroup: 4242 } });
    const empty = await stat(await prepare({ emptyDir: {} }, { pod }));
    expect([empty.gid, empty.mode & 0o7777]).toEqual([4242, 0o2777]);
    const file = await stat(join(await prepare({ secret: { secretName: 's', defaultMode: 0o400 } }, { pod }), 'k'));
    expect([file.gid, file.mode & 0o777]).toEqual([4242, 0o440]);
  });

  it('hostPath checks its type', async () => {
    await expect(prepare({ hostPath: { path: join(dir, 'none'), type: 'Directory' } })).rejects.toThrow(
      'is not a directory',
    );
    const made = join(dir, 'made/deep');
    expect(await prepare({ hostPath: { path: made, type: 'DirectoryOrCreate' } })).toBe(made);
    await expect(prepare({ hostPath: { path: made, type: 'Socket' } })).rejects.toThrow('is not a socket file');
  });
});

describe('subPath', () => {
  /** Takes the place of mount(8): what would be mounted is read through the handle while it is open. */
  const mounted: string[] = [];
  const run = async ({ args }: Command) => {
    const { stdout } = await runCommand({ program: 'readlink', args: ['-f', args[1] ?? ''] });
    mounted.push(stdout.trim());
    return { exitCode: 0, stdout: '', stderr: '' };
  };
  const mount = (subPath: string) =>
    mountSubPath({ volumePath: join(dir, 'volume'), subPath, target: join(dir, 'target') }, run);

  beforeEach(async () => {
    mounted.length = 0;
    await mkdir(join(dir, 'volume/real'), { recursive: true });
    await writeFile(join(dir, 'volume/real/file'), 'x');
  });

  it('mounts folders and files, through links that stay inside, and makes what is missing', async () => {
    await symlink('real', join(dir, 'volume/link'));
    await mount('link/file');
    expect(mounted).toEqual([join(dir, 'volume/real/file')]);
    await rm(join(dir, 'target'));
    await mount('real/made/deep');
    expect(mounted[1]).toBe(join(dir, 'volume/real/made/deep'));
    expect((await stat(join(dir, 'target'))).isDirectory()).toBe(true);
  });

  it('mounts a file of a volume that mirrors an object, whose names lead into a folder that begins with dots', async () => {
    const volume = join(dir, 'volume');
    await writeAtomically(volume, new Map([['file', { data: Buffer.from('x'), mode: 0o644 }]]), { rng });
    await mount('file');
    expect(mounted[0]).toMatch(/\/volume\/\.\.[a-z0-9]+\/file$/);
  });

  it('never leads out of the volume', async () => {
    await mkdir(join(dir, 'outside'));
    await symlink(join(dir, 'outside'), join(dir, 'volume/escape'));
    await expect(mount('escape')).rejects.toThrow('not within the volume');
    await expect(mount('escape/made')).rejects.toThrow('not within the volume');
    await expect(mount('../outside')).rejects.toThrow('must stay within');
    await expect(mount('/etc')).rejects.toThrow('must stay within');
    expect(mounted).toEqual([]);
    await expect(stat(join(dir, 'outside/made'))).rejects.toThrow();
  });
});
