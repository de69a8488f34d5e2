import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../base/log.ts';
import { Cdi } from './cdi.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cdi-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const asking = (...names: string[]) => [
  { env: { OWN: '1' }, mounts: [], devices: [], annotations: {}, cdiDevices: names.map((name) => ({ name })) },
];
const runtime = (runtimeName: string, runtimeVersion: string) => ({
  Version: async () => ({ version: '0.1.0', runtimeName, runtimeVersion, runtimeApiVersion: 'v1' }),
});
const cdi = (version = '1.6.20', name = 'containerd') =>
  new Cdi({ runtime: runtime(name, version), log: silentLog, folders: [join(root, 'etc'), join(root, 'run')] });

async function put(folder: string, file: string, text: string): Promise<void> {
  await mkdir(join(root, folder), { recursive: true });
  await writeFile(join(root, folder, file), text);
}

it('puts what devices stand for in their place, what is common to them once', async () => {
  const gpu = (path: string) => ({
    containerEdits: {
      env: [`GPU=${path}`],
      deviceNodes: [
        { path: '/dev/gpu', hostPath: path },
        { path: '/dev/null', permissions: 'r' },
      ],
    },
  });
  const common = {
    env: ['DRIVER=a=b'],
    mounts: [{ hostPath: '/lib/gpu', containerPath: '/usr/lib/gpu', options: ['ro', 'bind'] }],
  };
  await put('etc', 'gpu.json', JSON.stringify({ kind: 'e.com/gpu', devices: [{ name: '0', ...gpu('/dev/old') }] }));
  const devices = [
    { name: '0', ...gpu('/dev/zero') },
    { name: '1', annotations: { a: 'b' }, ...gpu('/dev/one') },
  ];
  await put(
    'run',
    'gpu.json',
    JSON.stringify({ cdiVersion: '0.6.0', kind: 'e.com/gpu', devices, containerEdits: common }),
  );
  await put('run', 'broken.json', '{');
  const [own, shared, ...each] = await cdi().resolve(asking('e.com/gpu=0', 'e.com/gpu=1'));
  expect(own).toMatchObject({ env: { OWN: '1' }, cdiDevices: [] });
  expect(shared).toMatchObject({
    env: { DRIVER: 'a=b' },
    mounts: [{ hostPath: '/lib/gpu', containerPath: '/usr/lib/gpu', readonly: true }],
  });
  expect(each.map(({ devices: nodes }) => nodes)).toEqual(
    ['/dev/zero', '/dev/one'].map((hostPath) => [
      { containerPath: '/dev/gpu', hostPath, permissions: 'rwm' },
      { containerPath: '/dev/null', hostPath: '/dev/null', permissions: 'r' },
    ]),
  );
});

it('reads YAML, and names what nobody knows', async () => {
  await put('run', 'x.yaml', 'kind: e.com/x\ndevices:\n  - name: a\n    containerEdits: { env: [X=1] }\n');
  expect((await cdi().resolve(asking('e.com/x=a')))[2]).toMatchObject({ env: { X: '1' } });
  await expect(cdi().resolve(asking('e.com/x=a', 'e.com/x=b'))).rejects.toThrow('unresolvable CDI devices e.com/x=b');
});

it('leaves it to a runtime that knows them, and does nothing without devices', async () => {
  const asked = asking('e.com/x=a');
  expect(await cdi('v2.0.1').resolve(asked)).toEqual(asked);
  expect(await cdi('1.30.0', 'cri-o').resolve(asked)).toEqual(asked);
  expect(await cdi().resolve(asking())).toEqual(asking());
});
