import { afterEach, expect, it } from 'vitest';
import { pods } from '../api/generated/resources.ts';
import { realClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { createClient } from '../client/typed-client.ts';
import { World } from './world.ts';

let world: World;
afterEach(async () => {
  await world.stop();
});

it('counts what scheduler and controllers do where the server shows its own figures', async () => {
  const clock = new VirtualClock();
  world = await World.start({ machineClock: realClock, log: silentLog }, { seed: 1, clock });
  await world.nodes.add(1);
  await clock.advance(0);
  const client = createClient(
    world.plane.switchboard.transportFor({ name: 'admin', groups: ['system:masters'] }, 'test'),
  );
  const metadata = { name: 'p', namespace: 'default' };
  await client.create(pods, { metadata, spec: { containers: [{ name: 'c', image: 'app:1' }] } });
  await clock.advance(0);
  const text = world.plane.api.context.metrics.metrics.text();
  expect(text).toMatch(/^scheduler_schedule_attempts_total\{result="scheduled",profile="default-scheduler"\} 1$/m);
  expect(text).toMatch(/^workqueue_adds_total\{name="node\.lifecycle"\} [1-9]/m);
  expect(text).toMatch(/^apiserver_storage_objects/m);
});
