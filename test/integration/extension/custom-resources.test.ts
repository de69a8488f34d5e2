import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LmdbJournal } from '../../../src/store/lmdb/lmdb-journal.ts';
import { ApiProcess } from './api-process.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** A definition with one version unless told; `spec` overrides. */
function definition(plural: string, schema: object, spec: object = {}) {
  const kind = plural.charAt(0).toUpperCase() + plural.slice(1, -1);
  return {
    metadata: { name: `${plural}.test.io` },
    spec: {
      group: 'test.io',
      scope: 'Namespaced',
      names: { plural, kind },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
      ...spec,
    },
  };
}

const boatSchema = {
  type: 'object',
  description: 'A boat.',
  properties: {
    spec: {
      type: 'object',
      description: 'What the boat should be.',
      properties: {
        color: { type: 'string', description: 'Its color.' },
        oars: {
          type: 'array',
          items: {
            type: 'object',
            required: ['side'],
            properties: { side: { type: 'string' }, length: { type: 'integer', default: 3 } },
          },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['side'],
        },
        flags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
        cargo: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          'x-kubernetes-preserve-unknown-fields': true,
        },
        note: { type: 'string', pattern: '^[a-z]*$' },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
  },
};

describe('custom resources', () => {
  let server: ApiProcess;
  const boats = '/apis/test.io/v1/namespaces/sea/boats';
  const boat = (name: string, spec: object, rest: object = {}) => ({
    apiVersion: 'test.io/v1',
    kind: 'Boat',
    metadata: { name },
    spec,
    ...rest,
  });
  const apply = (name: string, manager: string, spec: object) =>
    server.patch(`${boats}/${name}?fieldManager=${manager}`, boat(name, spec), 'apply-patch+yaml');

  beforeAll(async () => {
    server = await ApiProcess.start();
    await server.post('/api/v1/namespaces', { metadata: { name: 'sea' } });
    const version = {
      name: 'v1',
      served: true,
      storage: true,
      schema: { openAPIV3Schema: boatSchema },
      selectableFields: [{ jsonPath: '.spec.color' }],
    };
    await server.define(definition('boats', boatSchema, { versions: [version] }));
  });
  afterAll(() => server.close());

  it('are owned by element where the schema says so', async () => {
    expect((await apply('owned', 'one', { oars: [{ side: 'left' }], flags: ['a'] })).status).toBe(201);
    const second = await apply('owned', 'two', { oars: [{ side: 'right', length: 4 }], flags: ['b'] });
    expect(second.body.spec).toEqual({
      flags: ['a', 'b'],
      oars: [
        { length: 3, side: 'left' },
        { length: 4, side: 'right' },
      ],
    });
    const conflict = await apply('owned', 'one', { oars: [{ side: 'right', length: 5 }] });
    expect(conflict.body.message).toBe(
      'Apply failed with 1 conflict: conflict with "two": .spec.oars[side="right"].length',
    );
    const removed = await apply('owned', 'two', { flags: ['b'] });
    expect(removed.body.spec.oars).toEqual([{ length: 3, side: 'left' }]);
    const owners = removed.body.metadata.managedFields.map((entry: { manager: string; fieldsV1: object }) => [
      entry.manager,
      entry.fieldsV1,
    ]);
    expect(owners).toEqual([
      [
        'one',
        {
          'f:spec': { 'f:flags': { 'v:"a"': {} }, 'f:oars': { 'k:{"side":"left"}': { '.': {}, 'f:side': {} } } },
        },
      ],
      ['two', { 'f:spec': { 'f:flags': { 'v:"b"': {} } } }],
    ]);
  });

  it('refuse an applied configuration that does not fit the schema', async () => {
    const answer = await apply('misfit', 'one', { colour: 'red' });
    expect(answer.body.message).toBe(
      'failed to create typed patch object (sea/misfit; test.io/v1, Kind=Boat): .spec.colour: field not declared in schema',
    );
  });

  it('name what they drop, and refuse it when asked to be strict', async () => {
    const strange = boat('strange', { colour: 'red', oars: [{ side: 'l', weight: 2 }] }, { other: 1 });
    const dropped = await server.post(boats, strange);
    expect(dropped.body.spec).toEqual({ oars: [{ length: 3, side: 'l' }] });
    expect(dropped.headers.warning).toBe(
      '299 - "unknown field \\"other\\"", 299 - "unknown field \\"spec.colour\\"", 299 - "unknown field \\"spec.oars[0].weight\\""',
    );
    const refused = await server.post(`${boats}?fieldValidation=Strict`, strange);
    expect([refused.status, refused.body.message]).toEqual([
      400,
      'Boat in version "v1" cannot be handled as a Boat: strict decoding error: unknown field "other", unknown field "spec.colour", unknown field "spec.oars[0].weight"',
    ]);
  });

  it('keep what is in free form, and know the metadata of embedded resources', async () => {
    const cargo = {
      apiVersion: 'v1',
      kind: 'Box',
      metadata: { name: 'b', labels: { a: 'b' }, foo: 1 },
      any: [{ x: 1 }],
    };
    const answer = await server.post(boats, boat('laden', { cargo, free: { deep: [{ er: null }] } }));
    expect(answer.body.spec.free).toEqual({ deep: [{ er: null }] });
    expect(answer.body.spec.cargo).toMatchObject({
      kind: 'Box',
      metadata: { name: 'b', labels: { a: 'b' } },
      any: [{ x: 1 }],
    });
    expect(answer.body.spec.cargo.metadata.foo).toBeUndefined();
    const bad = await server.post(boats, boat('bad', { cargo: { metadata: { labels: { 'a b': 'c' } } } }));
    expect(bad.body.details.causes.map((c: { field: string }) => c.field)).toEqual([
      'spec.cargo.apiVersion',
      'spec.cargo.kind',
      'spec.cargo.metadata.labels',
    ]);
  });

  it('are selected by the fields that their version names', async () => {
    await server.post(boats, boat('red', { color: 'red' }));
    await server.post(boats, boat('blue', { color: 'blue' }));
    const answer = await server.get(`${boats}?fieldSelector=spec.color=red`);
    expect(answer.body.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(['red']);
    const other = await server.get(`${boats}?fieldSelector=spec.note=x`);
    expect(other.body.message).toBe('field label not supported: spec.note');
  });

  it('may stay wrong where an update leaves them as they were', async () => {
    await server.define(
      definition('sails', {
        type: 'object',
        properties: { spec: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } } },
      }),
    );
    const sails = '/apis/test.io/v1/namespaces/sea/sails';
    await server.post(sails, {
      apiVersion: 'test.io/v1',
      kind: 'Sail',
      metadata: { name: 's' },
      spec: { a: 'TOO BAD', b: 'x' },
    });
    const pattern = {
      op: 'add',
      path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/a/pattern',
      value: '^[a-z]*$',
    };
    await server.patch(`${definitions}/sails.test.io`, [pattern], 'json-patch+json');
    const refuses = async () =>
      (
        await server.post(`${sails}?dryRun=All`, {
          apiVersion: 'test.io/v1',
          kind: 'Sail',
          metadata: { name: 't' },
          spec: { a: 'BAD' },
        })
      ).status === 422;
    while (!(await refuses()));
    expect((await server.patch(`${sails}/s`, { spec: { b: 'y' } })).status).toBe(200);
    const changed = await server.patch(`${sails}/s`, { spec: { a: 'WORSE' } });
    expect(changed.body.message).toBe(
      `Sail.test.io "s" is invalid: spec.a: Invalid value: "WORSE": spec.a in body should match '^[a-z]*$'`,
    );
  });

  it('are described by OpenAPI', async () => {
    const v3 = await server.get('/openapi/v3/apis/test.io/v1');
    const schema = v3.body.components.schemas['io.test.v1.Boat'];
    expect(schema.properties.spec.properties.color).toEqual({ type: 'string', description: 'Its color.' });
    expect(schema.properties.metadata.allOf).toEqual([
      { $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' },
    ]);
    expect(schema['x-kubernetes-group-version-kind']).toEqual([{ group: 'test.io', version: 'v1', kind: 'Boat' }]);
    expect(Object.keys(v3.body.paths)).toContain('/apis/test.io/v1/namespaces/{namespace}/boats/{name}');
    expect(v3.body.components.schemas['io.test.v1.BoatList'].properties.items.type).toBe('array');
    const v2 = await server.get('/openapi/v2');
    expect(v2.body.definitions['io.test.v1.Boat'].properties.spec.properties.oars.items.properties.length).toEqual({
      type: 'integer',
    });
    const index = await server.get('/openapi/v3');
    expect(index.body.paths['apis/test.io/v1'].serverRelativeURL).toMatch(/hash=[0-9A-F]+$/);
  });

  it('are in aggregated discovery', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    const { body } = await server.get('/apis', { accept });
    const group = body.items.find((item: { metadata: { name: string } }) => item.metadata.name === 'test.io');
    expect(group.versions[0].resources[0]).toEqual({
      resource: 'boats',
      responseKind: { group: 'test.io', version: 'v1', kind: 'Boat' },
      scope: 'Namespaced',
      singularResource: 'boat',
      verbs: ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'],
    });
  });

  it('are watched like all others, in every version, until their definition changes', async () => {
    const versions = ['v1', 'v2'].map((name, i) => ({
      name,
      served: true,
      storage: i === 0,
      schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    }));
    await server.define(definition('gulls', {}, { versions }));
    const resource = { group: 'test.io', version: 'v2', resource: 'gulls', kind: 'Gull', namespaced: true };
    const seen: string[] = [];
    const ended = new Promise<void>((resolve) => {
      server.client().watch(
        resource,
        {},
        {
          events: (events) =>
            seen.push(
              ...events
                .filter(({ type }) => type !== 'BOOKMARK')
                .map(({ type, object }) => `${type} ${object.apiVersion} ${object.metadata.name}`),
            ),
          end: () => resolve(),
        },
      );
    });
    const gulls = '/apis/test.io/v1/namespaces/sea/gulls';
    await server.post(gulls, { apiVersion: 'test.io/v1', kind: 'Gull', metadata: { name: 'g' } });
    await server.patch(`${gulls}/g`, { x: 1 });
    await server.send('DELETE', `${gulls}/g`);
    await server.patch(`${definitions}/gulls.test.io`, { spec: { names: { shortNames: ['gu'] } } });
    await ended;
    expect(seen).toEqual(['ADDED test.io/v2 g', 'MODIFIED test.io/v2 g', 'DELETED test.io/v2 g']);
  });

  it('are rewritten in the storage version by an update that changes nothing else', async () => {
    const versions = (storage: string) =>
      ['v1', 'v2'].map((name) => ({
        name,
        served: true,
        storage: name === storage,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      }));
    await server.define(definition('whales', {}, { versions: versions('v1') }));
    const whales = '/apis/test.io/v1/namespaces/sea/whales';
    const made = await server.post(whales, { apiVersion: 'test.io/v1', kind: 'Whale', metadata: { name: 'w' } });
    await server.patch(`${definitions}/whales.test.io`, { spec: { versions: versions('v2') } });
    const same = await server.patch(`${whales}/w`, {});
    expect(Number(same.body.metadata.resourceVersion)).toBeGreaterThan(Number(made.body.metadata.resourceVersion));
    const again = await server.patch(`${whales}/w`, {});
    expect(again.body.metadata.resourceVersion).toBe(same.body.metadata.resourceVersion);
    const { body } = await server.get(`${definitions}/whales.test.io`);
    expect(body.status.storedVersions).toEqual(['v1', 'v2']);
  });
});

it('definitions and objects survive a restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'crd-state-'));
  const first = await ApiProcess.start(new LmdbJournal(folder));
  await first.define(
    definition(
      'crews',
      { type: 'object', properties: { spec: { type: 'object', properties: { n: { type: 'integer' } } } } },
      { scope: 'Cluster' },
    ),
  );
  const crews = '/apis/test.io/v1/crews';
  await first.post(crews, { apiVersion: 'test.io/v1', kind: 'Crew', metadata: { name: 'c' }, spec: { n: 1 } });
  await first.close();
  const second = await ApiProcess.start(new LmdbJournal(folder));
  // Served from the first moment on: no waiting for anything to be established.
  expect((await second.get(`${crews}/c`)).body.spec).toEqual({ n: 1 });
  const invalid = await second.patch(`${crews}/c`, { spec: { n: 'x' } });
  expect(invalid.status).toBe(422);
  await second.close();
  rmSync(folder, { recursive: true });
});
