import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { customresourcedefinitions } from '../../api/generated/resources.ts';
import type { Resource } from '../../api/resource.ts';
import { startTestServer, type TestServer } from '../replay/server.fake.ts';

const lamps: Resource = { group: 'test.io', version: 'v1', resource: 'lamps', kind: 'Lamp', namespaced: false };
const color = (more: object = {}) => ({
  type: 'object',
  properties: { color: { type: 'string', ...more }, bright: { type: 'boolean' } },
});
const versions = (schema: object) => [
  {
    ...{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } },
    selectableFields: [{ jsonPath: '.color' }],
  },
];

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.admin.create(customresourcedefinitions, {
    metadata: { name: 'lamps.test.io' },
    spec: {
      ...{ group: 'test.io', scope: 'Cluster', names: { plural: 'lamps', kind: 'Lamp' } },
      versions: versions(color()),
    },
  } as never);
  await vi.waitFor(() => server.admin.list(lamps));
});
afterAll(() => server.close());

it('custom resources are selected by what they are served as: an old one by a default that came later', async () => {
  const make = (name: string, more: object = {}) =>
    server.admin.create(lamps, { apiVersion: 'test.io/v1', kind: 'Lamp', metadata: { name }, ...more } as never);
  for (const [name, more] of [
    ['a', {}],
    ['b', { color: 'red' }],
    ['c', {}],
    ['d', { color: 'white' }],
  ] as const)
    await make(name, more);
  const named = async (fieldSelector: string, limit?: number, token?: string) => {
    const { items, metadata } = await server.admin.list(lamps, { fieldSelector, limit, continue: token });
    return { names: items.map((item) => item.metadata.name), token: metadata.continue };
  };
  expect(await named('color=white')).toEqual({ names: ['d'] });
  const body = { spec: { versions: versions(color({ default: 'white' })) } };
  await server.admin.patch(customresourcedefinitions, { name: 'lamps.test.io' }, { type: 'merge', body });
  await vi.waitFor(async () => expect(await named('color=white')).toEqual({ names: ['a', 'c', 'd'] }));
  expect(await named('color!=white')).toEqual({ names: ['b'] });
  // Pages are cut from what is selected.
  const { names, token } = await named('color=white', 2);
  expect([names, await named('color=white', 2, token)]).toEqual([['a', 'c'], { names: ['d'] }]);
});
