import { expect, it } from 'vitest';
import { leases } from '../api/generated/resources.ts';
import { StatusError } from '../api/meta/status-error.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { FakeTransport } from './fake.ts';
import { runLeaderElection } from './leader-election.ts';
import { createClient } from './typed-client.ts';

it('has one leader; another takes over when it is gone; a cut-off leader steps down before that', async () => {
  const clock = new VirtualClock();
  const transport = new FakeTransport({ clock, rng: seededRng(1) });
  const client = createClient(transport);
  const log: string[] = [];
  const lease = { namespace: 'kube-system', name: 'l' };
  const candidate = (identity: string, seed: number, through = client) =>
    runLeaderElection(
      { client: through, clock, rng: seededRng(seed) },
      { lease, identity, onLead: () => log.push(`${identity} leads`), onStepDown: () => log.push(`${identity} stops`) },
    );

  let cutOff = false;
  const shaky = createClient({
    call: (c) => (cutOff ? Promise.reject(StatusError.of('ServiceUnavailable', 'cut off')) : transport.call(c)),
    watch: (c, sink) => transport.watch(c, sink),
  });
  const a = candidate('a', 2, shaky);
  await clock.advance(100);
  const b = candidate('b', 3);
  await clock.advance(60_000);
  expect(log).toEqual(['a leads']);

  cutOff = true;
  await clock.advance(60_000);
  expect(log).toEqual(['a leads', 'a stops', 'b leads']);
  const { spec } = await client.get(leases, lease);
  expect(spec).toMatchObject({ holderIdentity: 'b', leaseDurationSeconds: 15, leaseTransitions: 1 });
  a.stop();
  b.stop();
});
