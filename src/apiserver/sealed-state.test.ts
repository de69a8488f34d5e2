import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configmaps, secrets } from '../api/generated/resources.ts';
import type { Secret } from '../api/generated/types.ts';
import { StatusError } from '../api/meta/status-error.ts';
import { realClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { Metrics } from '../base/metrics.ts';
import { machineRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { Client } from '../client/client.ts';
import { LmdbJournal } from '../store/lmdb/lmdb-journal.ts';
import { MemorySharedJournal, SharedLog } from '../store/memory-shared-journal.ts';
import type { RecordCodec } from '../store/record.ts';
import { FakeKms } from '../store/sealing/kms/kms.fake.ts';
import { KmsProvider } from '../store/sealing/kms/kms-provider.ts';
import { sealedRecords } from '../store/sealing/sealed-records.ts';
import { sealingMetrics } from '../store/sealing/sealing-metrics.ts';
import type { ApiServer, ApiServerDeps } from './api-server.ts';
import type { HealthEndpoint } from './health.ts';
import { adminOf, startOver } from './journal-server.fake.ts';

const began = realClock.now();
let folder: string;
let kms: FakeKms;
let clock: VirtualClock;
let provider: KmsProvider;
let api: ApiServer;
let client: Client;

/** A server whose secrets are sealed by a plugin, as `knarr server` puts it together. */
async function start(journalOf: (records: RecordCodec) => ApiServerDeps['journal']): Promise<void> {
  const deps = { clock, machineClock: realClock, log: silentLog, rng: machineRng };
  provider = new KmsProvider(deps, { name: 'vault', endpoint: `unix://${folder}/kms.sock`, timeoutMs: 3000 });
  await provider.start();
  const figures = new Metrics();
  const rules = [{ resources: ['secrets'], providers: [provider] }];
  const journal = journalOf(sealedRecords(rules, machineRng, sealingMetrics(figures)));
  api = await startOver({ journal, clock, figures });
  api.health.addKmsProviders(() => provider.check());
  client = adminOf(api);
}

/** Lets the plugin be asked once more. */
async function asked(ms: number): Promise<void> {
  const before = kms.asked.Status;
  await clock.advance(ms);
  await expect.poll(() => kms.asked.Status).toBeGreaterThan(before);
}

const at = { namespace: 'default', name: 'a' };
const secret = (name: string) => ({ metadata: { name, namespace: 'default' }, stringData: { word: 'classified' } });
const page = (endpoint: HealthEndpoint) => api.health.page(endpoint, new URLSearchParams('verbose'));
const refusalOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'it was done',
    (error: unknown) => (error instanceof StatusError ? error.status : error),
  );
const expired = {
  ...{ status: 'Failure', reason: 'InternalError', code: 500 },
  message: expect.stringMatching(
    /^Internal error occurred: encryptedDEKSource with keyID hash "sha256:[0-9a-f]{64}" expired at \S+ \(current time is \S+\)$/,
  ),
};

describe.each<[string, (records: RecordCodec) => ApiServerDeps['journal']]>([
  ['its own journal', (records) => new LmdbJournal(join(folder, 'state'), records)],
  ['a shared journal', (records) => new MemorySharedJournal(new SharedLog(), { clock, records })],
])('a server whose secrets are sealed by a plugin in %s', (_, journalOf) => {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'knarr-kms-'));
    kms = new FakeKms();
    clock = new VirtualClock(began);
    await kms.listen(join(folder, 'kms.sock'));
    await start(journalOf);
  });
  afterEach(async () => {
    await api.close();
    provider.stop();
    kms.close();
    rmSync(folder, { recursive: true });
  });

  it('refuses to write them when the plugin has been away for three minutes, and says so where health is asked', async () => {
    const made = await client.create(secrets, secret('a'));
    for (const endpoint of ['readyz', 'healthz'] as const)
      expect((await page(endpoint)).text).toContain('[+]kms-providers ok\n');
    kms.fails = 'the vault is shut';
    await asked(60_000);
    for (const endpoint of ['readyz', 'healthz'] as const) {
      expect(await page(endpoint)).toMatchObject({
        ok: false,
        text: expect.stringContaining('[-]kms-providers failed: reason withheld\n'),
      });
    }
    expect((await page('livez')).text).not.toContain('kms');
    expect(api.health.one('livez', 'kms-providers')).toBeUndefined();
    await client.create(secrets, secret('b'));

    for (let i = 0; i < 13; i++) await asked(10_000);
    expect(await refusalOf(client.create(secrets, secret('c')))).toMatchObject(expired);
    const patch = { type: 'merge' as const, body: { metadata: { labels: { x: 'y' } } } };
    expect(await refusalOf(client.patch(secrets, at, patch))).toMatchObject(expired);
    expect(await client.get(secrets, at)).toEqual(made);
    expect((await client.list(secrets, { namespace: 'default' })).items.map((one) => one.metadata.name)).toEqual([
      'a',
      'b',
    ]);
    // A write that changes nothing writes nothing; what is not sealed, and what goes, needs no key.
    expect(await client.update(secrets, made)).toEqual(made);
    await client.create(configmaps, { metadata: { name: 'a', namespace: 'default' }, data: {} });
    await client.delete(secrets, { namespace: 'default', name: 'b' });
    expect(api.context.metrics.metrics.text()).toContain(
      'apiserver_storage_transformation_operations_total{resource="secrets",transformation_type="to_storage",transformer_prefix="k8s:enc:kms:v2:vault:",status="unknown-non-grpc"} 2\n',
    );

    kms.fails = undefined;
    // Who asks for health has the plugin asked: nobody has to wait, or to start anything again.
    await clock.advance(3000);
    await expect.poll(() => page('readyz')).toMatchObject({ ok: true });
    expect(await client.create(secrets, secret('c'))).toMatchObject({ metadata: { name: 'c' } });
  });

  it('writes one anew that nothing changes in, once the plugin has turned to another key', async () => {
    const made = await client.create(secrets, secret('a'));
    expect(await client.update(secrets, made)).toEqual(made);
    kms.keyId = 'key-2';
    await asked(60_000);
    await expect.poll(() => provider.sealNow).toBe('k8s:enc:kms:v2:vault:key-2');
    const again = await client.update(secrets, made);
    expect(again.metadata.resourceVersion).not.toBe(made.metadata.resourceVersion);
    expect(withoutVersion(again)).toEqual(withoutVersion(made));
    expect(await client.update(secrets, again)).toEqual(again);
  });
});

const withoutVersion = ({ metadata, ...rest }: Secret) => ({
  ...rest,
  metadata: { ...metadata, resourceVersion: undefined },
});
