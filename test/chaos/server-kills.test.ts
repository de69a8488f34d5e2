import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configmaps, namespaces, secrets } from '../../src/api/generated/resources.ts';
import type { ConfigMap } from '../../src/api/generated/types.ts';
import { realClock, sleep } from '../../src/base/clock.ts';
import { type Rng, seededRng } from '../../src/base/rng.ts';
import type { Client } from '../../src/client/client.ts';
import type { AdminClient } from '../../src/cluster/admin-client.ts';
import { joinTokenSecretName, joinTokenSecretType, parseJoinToken } from '../../src/pki/join-token.ts';
import { Follower } from './follower.ts';
import { Ledger, type Observed } from './ledger.ts';
import { ServerProcess } from './server-process.ts';
import { labelSelector, namespace, observed, Writers } from './writers.ts';

const isLong = process.env.KNARR_TEST_LONG === '1';
const kills = isLong ? 200 : 15;
const seed = Number(process.env.KNARR_CHAOS_SEED ?? 1);
/** More than the store's window of recent events: from then on each commit also drops old ones. */
const windowBytes = 64 * 2 ** 20;

describe('knarr server, killed at any moment', () => {
  let server: ServerProcess;
  const ledger = new Ledger();
  const follower = new Follower(ledger);
  const rng = seededRng(seed);

  beforeAll(async () => {
    server = await ServerProcess.prepare({ index: 60 });
  });
  afterAll(async () => {
    follower.stop();
    await server.dispose();
  });

  async function everything(client: Client): Promise<{ objects: Observed[]; revision: number }> {
    const { items, metadata } = await client.list(configmaps, { namespace, labelSelector });
    return { objects: items.map(observed), revision: Number(metadata.resourceVersion) };
  }

  /** Kills it while it starts, every fourth time; then starts it and demands everything that was acknowledged. */
  async function restartAndCheck(kill: number): Promise<void> {
    if (kill % 4 === 3) {
      server.start();
      await sleep(realClock, rng.next() * 700);
      await server.kill();
    }
    server.start();
    await server.ready();
    const admin = await server.client();
    const { objects, revision } = await everything(admin.client);
    ledger.check(objects, revision);
    if (kill === 0) await follower.list(admin.client);
    follower.follow(admin.client);
    const unheard = await follower.agrees(objects);
    expect([...ledger.problems, ...unheard], `seed ${seed}, kill ${kill}`).toEqual([]);
    watching = admin;
  }
  let watching: AdminClient | undefined;

  async function writeAndKill(run: string): Promise<void> {
    const admins = await Promise.all(Array.from({ length: 4 }, () => server.client()));
    const writers = new Writers({ ledger, rng, run, keysPerConnection: 4 });
    const wanted = ledger.acknowledged + 20 + Math.floor(rng.next() * 200);
    const written = writers.run(admins.map(({ client }) => client));
    while (ledger.acknowledged < wanted) await Promise.race([written, sleep(realClock, 1)]);
    await sleep(realClock, rng.next() * 5);
    await server.kill();
    await written;
    for (const admin of [...admins, watching]) admin?.close();
  }

  it('loses nothing it acknowledged, keeps nothing it refused, gives no revision twice', async () => {
    for (let kill = 0; kill < kills; kill++) {
      await restartAndCheck(kill);
      if (kill === 1) await fillWindow(server, rng);
      await writeAndKill(String(kill));
    }
    await restartAndCheck(kills);
    expect(ledger.problems).toEqual([]);
    expect(follower.expired).toBe(0);
    expect(ledger.refused).toBeGreaterThan(kills);
    console.log(`${kills} kills: ${ledger.acknowledged} acknowledged, ${ledger.refused} refused, seed ${seed}`);
  }, 1_200_000);

  it('answers a watch from before the window with 410', async () => {
    const admin = await server.client();
    const reason = await new Promise((resolve) => {
      const options = { namespace, resourceVersion: '1' };
      admin.client.watch(configmaps, options, { events: () => resolve('events'), end: (e) => resolve(e) });
    });
    expect(reason).toMatchObject({ reason: 'Expired', code: 410 });
    admin.close();
    watching?.close();
  });
});

describe('knarr server, killed during its first start', () => {
  const rng = seededRng(seed);
  const rounds = isLong ? 40 : 4;

  it('comes up whole after it', async () => {
    for (let round = 0; round < rounds; round++) {
      const server = await ServerProcess.prepare({ index: 61 });
      try {
        for (let kill = 0; kill < 2; kill++) {
          server.start();
          await sleep(realClock, rng.next() * 900);
          await server.kill();
        }
        server.start();
        await server.ready();
        const admin = await server.client();
        const names = (await admin.client.list(namespaces)).items.map(({ metadata }) => metadata.name);
        expect(names, `seed ${seed}, round ${round}`).toEqual(expect.arrayContaining(['default', 'kube-system']));
        const token = parseJoinToken(readFileSync(server.layout.tokenFile, 'utf8').trim());
        const secret = { namespace: 'kube-system', name: joinTokenSecretName(token?.id ?? '') };
        expect((await admin.client.get(secrets, secret)).type).toBe(joinTokenSecretType);
        admin.close();
      } finally {
        await server.dispose();
      }
    }
  }, 600_000);
});

/** Large writes, until old events have to go; they are no part of what is checked. */
async function fillWindow(server: ServerProcess, rng: Rng): Promise<void> {
  const { client, close } = await server.client();
  const pad = Buffer.from(rng.bytes(400_000)).toString('base64');
  const metadata = { name: 'large', namespace };
  const write = async (i: number) => {
    const object = { metadata: { ...metadata, name: `large-${i % 8}` }, data: { pad, at: String(i) } } as ConfigMap;
    if (i < 8) await client.create(configmaps, object);
    else await client.update(configmaps, object);
  };
  for (let i = 0; i < (windowBytes / pad.length) * 1.1; i += 8)
    await Promise.all(Array.from({ length: 8 }, (_, k) => write(i + k)));
  close();
}
