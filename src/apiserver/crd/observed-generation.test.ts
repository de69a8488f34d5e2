import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { customresourcedefinitions } from '../../api/generated/resources.ts';
import { startTestServer, type TestServer } from '../replay/server.fake.ts';
import { conditionOf, withConditions } from './naming.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const at = { name: 'lamps.test.io' };
const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }];
const names = { plural: 'lamps', singular: 'lamp', kind: 'Lamp', listKind: 'LampList' };

it('which generation of a definition was seen is kept as it was told, while names change', async () => {
  const read = () => server.admin.get(customresourcedefinitions, at);
  const spec = { group: 'test.io', scope: 'Cluster', names, versions };
  await server.admin.create(customresourcedefinitions, { metadata: at, spec } as never);
  await vi.waitFor(async () => expect(conditionOf(await read(), 'Established')?.status).toBe('True'));
  const fresh = await read();
  expect(fresh.status).not.toHaveProperty('observedGeneration');
  expect(fresh.status.conditions?.[0]).not.toHaveProperty('observedGeneration');

  const migrating = { type: 'StorageMigrating', status: 'True', reason: 'MigrationRunning', message: 'm' };
  const conditions = [...(fresh.status.conditions ?? []), migrating].map((one) => ({ ...one, observedGeneration: 1 }));
  const status = { ...fresh.status, conditions, observedGeneration: 1 } as typeof fresh.status;
  await server.admin.update(customresourcedefinitions, { ...fresh, status }, { subresource: 'status' });
  const body = { spec: { names: { shortNames: ['lp'] } } };
  await server.admin.patch(customresourcedefinitions, at, { type: 'merge', body });
  await vi.waitFor(async () => expect((await read()).status.acceptedNames?.shortNames).toEqual(['lp']));
  const after = await read();
  expect(after.metadata.generation).toBe(2);
  expect(after.status.observedGeneration).toBe(1);
  expect(after.status.conditions?.map(({ observedGeneration }) => observedGeneration)).toEqual([1, 1, 1]);
});

it('a condition that is set again keeps it, a new one has none', async () => {
  const definition = await server.admin.get(customresourcedefinitions, at);
  const condition = (type: string) => ({ type, status: 'False', reason: 'R', message: 'm' });
  const status = withConditions(definition, [condition('NamesAccepted'), condition('Terminating')], 'now');
  const [first] = status?.conditions ?? [];
  expect([first?.status, first?.observedGeneration]).toEqual(['False', 1]);
  expect(status?.conditions?.at(-1)).not.toHaveProperty('observedGeneration');
});
