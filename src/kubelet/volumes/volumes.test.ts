import { lstat, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type {
  ConfigMap,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  Secret,
  TokenRequest,
  Volume,
} from '../../api/generated/types.ts';
import { seededRng } from '../../base/rng.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import type { Client } from '../../client/client.ts';
import { type Command, runCommand } from '../../host/command.ts';
import { writeAtomically } from './atomic-writer.ts';
import { mountSubPath } from './sub-path.ts';
import { TokenSource } from './token-source.ts';
import type { ClaimReader } from './volume.ts';
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

interface Around {
  pod?: Pod;
  tokens?: TokenSource;
  of?: Partial<ClaimReader>;
}

async function prepare(
  volume: Omit<Volume, 'name'>,
  { pod = podOf(), tokens = tokensOf([]), of = {} }: Around = {},
): Promise<string> {
  const named = { name: 'v', ...volume };
  const kind = volumeKinds.find((candidate) => candidate.handles(named));
  const configMap: ConfigMap = { metadata: { name: 'c' }, data: { k: 'v', z: 'y' }, binaryData: { bin: 'AAE=' } };
  const secret: Secret = { metadata: { name: 's' }, data: { k: Buffer.from('hidden').toString('base64') } };
  const input = { pod, volume: named, diskDir: join(dir, 'disk'), memoryDir: join(dir, 'memory'), isReady: false };
  const objects = {
    configMap: async (_: string, name: string) => (name === 'c' ? configMap : undefined),
    secret: async (_: string, name: string) => (name === 's' ? secret : undefined),
  };
  const fieldsOf = () => ({ podIps: ['10.0.0.1'], hostIps: [], allocatable: {} });
  const claims = { claim: async () => undefined, volume: async () => undefined, ...of };
  const csi = {
    mount: async ({ driver }: { driver: string }) => Promise.reject(new Error(`asked ${driver}`)),
    expand: async () => {},
    refreshAtMs: () => undefined,
    teardown: async () => {},
  };
  const imageMounts = { mount: async () => {}, teardown: async () => {} };
  const around = {
    csi,
    imageMounts,
    nodeName: 'n1',
    nodePath: (path: string) => path,
    localVolumeDir: (name: string) => join(dir, 'local-path', name),
  };
  return (
    (await kind?.prepare(input, { clock, rng, run: runCommand, objects, tokens, fieldsOf, claims, ...around })) ?? ''
  );
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

describe('persistentVolumeClaim', () => {
  const persistentVolumeClaim = { claimName: 'data' };
  const bound = {
    metadata: { name: 'data', namespace: 'ns', uid: 'c' },
    spec: { volumeName: 'pvc-1' },
    status: { phase: 'Bound' },
  } as PersistentVolumeClaim;
  const volumeOf = (spec: object, labels: Record<string, string> = {}): PersistentVolume =>
    ({ metadata: { name: 'pvc-1', labels }, spec: { claimRef: { uid: 'c' }, ...spec } }) as PersistentVolume;
  const around = (volume: PersistentVolume, claim = bound): Around => ({
    of: { claim: async () => claim, volume: async () => volume },
  });
  const onNode = (node: string) =>
    volumeOf({ csi: { driver: 'local-path.knarr.dev', volumeHandle: 'pvc-1' } }, { 'local-path.knarr.dev/node': node });

  it('of the built-in storage is a folder of this node, made for the first pod and kept for the next', async () => {
    const path = await prepare({ persistentVolumeClaim }, around(onNode('n1')));
    expect(path).toBe(join(dir, 'local-path/pvc-1'));
    await writeFile(join(path, 'kept'), 'x');
    expect(await text(await prepare({ persistentVolumeClaim }, around(onNode('n1'))), 'kept')).toBe('x');
    await expect(prepare({ persistentVolumeClaim }, around(onNode('n2')))).rejects.toThrow(
      'volume "pvc-1" is on the disk of node "n2"',
    );
  });

  it('of a host path or a local folder is that folder', async () => {
    await mkdir(join(dir, 'disk1'));
    const spec = { path: join(dir, 'disk1') };
    expect(await prepare({ persistentVolumeClaim }, around(volumeOf({ hostPath: spec })))).toBe(spec.path);
    expect(await prepare({ persistentVolumeClaim }, around(volumeOf({ local: spec })))).toBe(spec.path);
    const missing = { local: { path: join(dir, 'disk2') } };
    await expect(prepare({ persistentVolumeClaim }, around(volumeOf(missing)))).rejects.toThrow('does not exist');
  });

  it('is a device or files as its volumeMode says, not the other', async () => {
    const pod = (how: object) => podOf({ containers: [{ name: 'c', ...how }] });
    const device = around(volumeOf({ volumeMode: 'Block', local: { path: dir } }));
    const mounts = pod({ volumeMounts: [{ name: 'v', mountPath: '/data' }] });
    await expect(prepare({ persistentVolumeClaim }, { ...device, pod: mounts })).rejects.toThrow(
      'volume v has volumeMode Block, but is specified in volumeMounts',
    );
    const devices = pod({ volumeDevices: [{ name: 'v', devicePath: '/dev/x' }] });
    await expect(prepare({ persistentVolumeClaim }, { ...device, pod: devices })).rejects.toThrow('is no block device');
    await expect(prepare({ persistentVolumeClaim }, { ...around(onNode('n1')), pod: devices })).rejects.toThrow(
      'volume v has volumeMode Filesystem, but is specified in volumeDevices',
    );
  });

  it('says what is wrong with a claim', async () => {
    await expect(prepare({ persistentVolumeClaim })).rejects.toThrow('persistentvolumeclaim "data" not found');
    const pending = { ...bound, status: { phase: 'Pending' } } as PersistentVolumeClaim;
    await expect(prepare({ persistentVolumeClaim }, around(onNode('n1'), pending))).rejects.toThrow('PVC is not bound');
    const others = volumeOf({ claimRef: { uid: 'another' } });
    await expect(prepare({ persistentVolumeClaim }, around(others))).rejects.toThrow('is not bound to PVC ns/data');
    const foreign = volumeOf({ csi: { driver: 'disk.example.com', volumeHandle: 'x' } });
    await expect(prepare({ persistentVolumeClaim }, around(foreign))).rejects.toThrow('asked disk.example.com');
    await expect(prepare({ ephemeral: {} }, around(onNode('n1')))).rejects.toThrow('pod is not owner');
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
    writeAtomically(volume, new Map([['file', { data: Buffer.from('x'), mode: 0o644 }]]), { rng });
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
