import { expect, it } from 'vitest';
import { clusterroles } from '../../api/generated/resources.ts';
import type { ClusterRole } from '../../api/generated/types.ts';
import { silentLog } from '../../base/log.ts';
import { seededRng } from '../../base/rng.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { FakeTransport } from '../../client/fake.ts';
import { informersFor } from '../../client/informers.ts';
import { createClient } from '../../client/typed-client.ts';
import { ControllerLoop } from '../runtime.ts';
import { clusterRoleAggregation } from './aggregation.ts';

const labels = { aggregate: 'yes' };
const rule = (resource: string) => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });

it('gathers the rules of matching roles, follows changes and then rests', async () => {
  const deps = { clock: new VirtualClock(), rng: seededRng(1), log: silentLog };
  const fake = new FakeTransport(deps);
  const client = createClient(fake);
  const informers = informersFor(client, deps);
  const recorder = { event() {}, stop() {} } as never;
  const loop = new ControllerLoop({ client, informers, recorder, ...deps }, clusterRoleAggregation);
  informers.start();
  const rulesOf = async () => (await client.get(clusterroles, { name: 'all' })).rules;
  const create = (name: string, more: Partial<ClusterRole>) =>
    client.create(clusterroles, { ...more, metadata: { name, ...more.metadata } } as ClusterRole);

  await create('all', { aggregationRule: { clusterRoleSelectors: [{ matchLabels: labels }] }, rules: [] });
  await create('b', { metadata: { name: 'b', labels }, rules: [rule('pods'), rule('nodes')] });
  await create('a', { metadata: { name: 'a', labels }, rules: [rule('nodes')] });
  await create('c', { rules: [rule('secrets')] });
  await deps.clock.advance(1_000);
  expect(await rulesOf()).toEqual([rule('nodes'), rule('pods')]);

  await client.delete(clusterroles, { name: 'b' });
  await deps.clock.advance(1_000);
  expect(await rulesOf()).toEqual([rule('nodes')]);

  const settled = fake.writes.length;
  await deps.clock.advance(60_000);
  expect(fake.writes).toHaveLength(settled);
  loop.stop();
  informers.stop();
});
