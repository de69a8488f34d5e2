import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configmaps, namespaces, secrets } from '../../src/api/generated/resources.ts';
import type { ConfigMap } from '../../src/api/generated/types.ts';
import { realClock, sleep } from '../../src/base/clock.ts';
import { type Rng, seededRng } from '../../src/base/rng.ts';
import { joinTokenSecretName, joinTokenSecretType, parseJoinToken } from '../../src/pki/join-token.ts';
import { Campaign, isLong, seed } from './campaign.ts';
import { ServerProcess } from './server-process.ts';
import { namespace } from './writers.ts';

const kills = isLong ? 200 : 15;
/** More than the store's window of recent events: from then on each commit also drops old ones. */
const windowBytes = 64 * 2 ** 20;

describe('knarr server, killed at any moment', () => {
  let server: ServerProcess;
  let campaign: Campaign;

  beforeAll(async () => {
    server = await ServerProcess.prepare();
    campaign = new Campaign(server);
  });
  afterAll(() => campaign.dispose());

  it('loses nothing it acknowledged, keeps nothing it refused, gives no revision twice', async () => {
    const { ledger, follower, rng } = campaign;
    for (let kill = 0; kill < kills; kill++) {
      if (kill % 4 === 3) {
        // While it starts and reads its journal.
        await campaign.start();
        await sleep(realClock, rng.next() * 700);
        await server.kill();
      }
      expect(await campaign.startAndCheck(), `seed ${seed}, kill ${kill}`).toEqual([]);
      if (kill === 1) await fillWindow(server, rng);
      await campaign.writeUntil(() => server.kill());
    }
    expect(await campaign.startAndCheck(), `seed ${seed}, at the end`).toEqual([]);
    expect(follower.expired).toBe(0);
    expect(ledger.refused).toBeGreaterThan(kills);
    console.log(`${kills} kills: ${ledger.acknowledged} acknowledged, ${ledger.refused} refused, seed ${seed}`);
  });

  it('answers a watch from before the window with 410', async () => {
    const admin = await server.client();
    const reason = await new Promise((resolve) => {
      const options = { namespace, resourceVersion: '1' };
      admin.client.watch(configmaps, options, { events: () => resolve('events'), end: (e) => resolve(e) });
    });
    expect(reason).toMatchObject({ reason: 'Expired', code: 410 });
    admin.close();
  });
});

describe('knarr server, killed during its first start', () => {
  const rng = seededRng(seed);
  const rounds = isLong ? 40 : 4;

  it('comes up whole after it', async () => {
    for (let round = 0; round < rounds; round++) {
      const server = await ServerProcess.prepare();
      try {
        for (let kill = 0; kill < 2; kill++) {
          await server.start();
          await sleep(realClock, rng.next() * 900);
          await server.kill();
        }
        await server.start();
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
  });
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
