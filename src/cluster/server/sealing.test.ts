import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { Metrics } from '../../base/metrics.ts';
import { machineRng } from '../../base/rng.ts';
import { LmdbJournal } from '../../store/lmdb/lmdb-journal.ts';
import { openStore } from '../../store/open-store.ts';
import type { Store } from '../../store/store.ts';
import { toBytes } from '../../store/version.ts';
import type { ClusterLayout } from '../layout.ts';
import { Sealing } from './sealing.ts';

/** A store on the disk, sealed by a file that changes. */
let folder: string;
let store: Store;
let sealing: Sealing;
let metrics: Metrics;
let refusals: string[];

const start = async () => {
  metrics = new Metrics();
  refusals = [];
  const log = { ...silentLog, error: (fields: object) => void refusals.push((fields as { error: string }).error) };
  const layout = { configDir: folder } as ClusterLayout;
  const deps = { clock: realClock, rng: machineRng, log, figures: metrics };
  sealing = await Sealing.start(deps, { layout, flags: {}, server: 'test' });
  const fail = (error: unknown) => {
    throw error;
  };
  store = await openStore(new LmdbJournal(join(folder, 'state'), sealing.records), { onFatal: fail });
  sealing.follow(store, () => {});
};
const stop = async () => {
  sealing.stop();
  await store.close();
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealed-'));
  await mkdir(join(folder, 'state'));
});
afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true });
});

const key = (name: string, letter = name) => ({ name, secret: Buffer.from(letter.repeat(32)).toString('base64') });
const configure = (...keys: object[]) =>
  writeFile(
    join(folder, 'encryption.yaml'),
    JSON.stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'EncryptionConfiguration',
      resources: [{ resources: ['secrets'], providers: keys.map((one) => ({ aesgcm: { keys: [one] } })) }],
    }),
  );
const reloaded = (status: 'success' | 'failure', count: number) =>
  expect
    .poll(() => metrics.text(), { timeout: 60_000 })
    .toContain(`apiserver_encryption_config_controller_automatic_reloads_total{status="${status}"} ${count}`);

/** The key that an object is sealed with when it is written. */
async function written(name: string): Promise<string | undefined> {
  const encode = () => ({ uid: 'u', labels: undefined, fields: undefined, bytes: toBytes(`{"name":"${name}"}`) });
  const [version] = await store.commit([{ put: { resource: 'secrets', key: name, encode } }]);
  return version?.seal?.split(':').at(-2);
}
const kept = (name: string) => store.get('secrets', name)?.seal?.split(':').at(-2);

it('is by another key as soon as the file says so', async () => {
  await configure(key('a'));
  await start();
  expect(await written('first')).toBe('a');
  await configure(key('b'), key('a'));
  await reloaded('success', 1);
  expect(await written('second')).toBe('b');
  expect([kept('first'), kept('second')]).toEqual(['a', 'b']);
  expect(store.isStale(store.get('secrets', 'first') as never)).toBe(true);
});

it('keeps the keys that something may be sealed with, until a start has sealed everything anew', async () => {
  await configure(key('a'));
  await start();
  await written('first');
  await configure(key('b'));
  await reloaded('failure', 1);
  await configure(key('a', 'x'));
  await reloaded('failure', 2);
  const why = 'secrets may still be sealed with k8s:enc:aesgcm:v1:a: and could not be read';
  expect(refusals).toEqual([expect.stringContaining(why), expect.stringContaining(why)]);
  expect(await written('second')).toBe('a');

  await configure(key('b'), key('a'));
  await reloaded('success', 1);
  await stop();
  await start();
  expect([kept('first'), kept('second')]).toEqual(['b', 'b']);
  await configure(key('b'));
  await reloaded('success', 1);
});

it('begins and ends while the server runs', async () => {
  await start();
  expect(await written('first')).toBe(undefined);
  await configure(key('a'));
  await reloaded('success', 1);
  expect(await written('second')).toBe('a');
  await rm(join(folder, 'encryption.yaml'));
  await reloaded('failure', 1);
  await stop();
  await configure(key('a'));
  await start();
  expect([kept('first'), kept('second')]).toEqual(['a', 'a']);
});
