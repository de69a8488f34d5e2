import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiKubectl, kubectlFor } from './api-kubectl.ts';
import { ApiProcess } from './api-process.ts';
import { customOf, definition, definitions, free, redefine, versionsOf } from './definitions.ts';

let server: ApiProcess;
let kubectl: ApiKubectl;
beforeAll(async () => {
  server = await ApiProcess.start();
  kubectl = await kubectlFor(server);
});
afterAll(async () => {
  await server.close();
  kubectl.close();
});

interface Published {
  properties?: Record<string, object>;
}
/** What the document of OpenAPI 2 says of custom resources, by `group.version.Kind`; the group backwards, as in its names. */
const published = async (): Promise<Record<string, Published>> => {
  const { body } = await server.get('/openapi/v2');
  const all = Object.entries(body.definitions as Record<string, Published>);
  return Object.fromEntries(all.filter(([name]) => name.startsWith('io.test') && !name.endsWith('List')));
};
/** Waits until OpenAPI 3 has a group version, or has it no more. */
const listed = (groupVersion: string, isThere = true) =>
  server.until('/openapi/v3', ({ body }) => (body.paths[`apis/${groupVersion}`] !== undefined) === isThere);

const withMembers = (description: string, more: object = {}) => ({
  type: 'object',
  description,
  properties: { spec: { type: 'object', description: 'What it should be like.', ...more } },
});
const hull = {
  type: 'array',
  description: 'Its planks.',
  items: { type: 'object', properties: { wood: { type: 'string' } } },
};

describe('custom resources with room for what nobody has told', () => {
  const anything = { a: { b: [{ c: 'd' }] } };
  const within = { spec: { nothing: null, ...anything } };
  it.each([
    { where: 'everywhere', plural: 'rafts', schema: free, more: anything, told: 'DESCRIPTION:\n    <empty>' },
    {
      ...{ where: 'at the root', plural: 'roots', more: anything, told: 'KIND:       Root' },
      schema: { ...withMembers('It takes all.', { properties: { hull } }), ...free },
    },
    {
      ...{ where: 'in one of its objects', plural: 'nests', more: within, told: 'It has room within.' },
      schema: withMembers('It has room within.', free),
    },
  ])(
    '$where, are created and applied by kubectl as they are, and explained',
    async ({ plural, schema, more, told }) => {
      const made = definition(plural, { versions: versionsOf({ v1: { schema } }) });
      await server.define(made);
      await listed('test.io/v1');
      const { object, path } = customOf(made);
      const text = JSON.stringify(object('any', more));
      for (const verb of ['create', 'apply']) {
        expect(await kubectl(`${verb} -f -`, text)).toMatchObject({ code: 0 });
        // What is null `apply` leaves out itself.
        const kept = 'spec' in more ? { spec: anything } : more;
        expect((await server.get(`${path}/any`)).body).toMatchObject(kept);
        expect(await kubectl(`delete ${plural}.test.io any`)).toMatchObject({ code: 0 });
      }
      const { code, out } = await kubectl(`explain ${plural}`);
      expect([code, out]).toEqual([0, expect.stringContaining(told)]);
      // A list of members would be taken for all there are.
      const { properties } = (await published())[`io.test.v1.${made.spec.names.kind}`] ?? {};
      expect(properties?.spec).toEqual(
        plural === 'nests' ? { ...free, description: 'What it should be like.' } : undefined,
      );
    },
  );
});

describe('custom resources with a schema', () => {
  const bars = {
    type: 'array',
    description: 'List of Bars and their specs.',
    items: {
      type: 'object',
      required: ['name'],
      properties: {
        name: { type: 'string', description: 'Name of Bar.' },
        age: { type: 'string', description: 'Age of Bar.' },
        bazs: { type: 'array', description: 'List of Bazs.', items: { type: 'string' } },
      },
    },
  };
  const schema = withMembers('Foo for testing.', { properties: { bars } });
  const made = definition('foos', { group: 'foo.test.io', versions: versionsOf({ v1: { schema } }) });
  const foo = (spec: object) => JSON.stringify(customOf(made).object('one', { spec }));

  beforeAll(async () => {
    await server.define(made);
    await listed('foo.test.io/v1');
  });

  it('are created and applied by kubectl where they fit, and refused where they do not', async () => {
    expect((await published())['io.test.foo.v1.Foo']).toMatchObject(schema);
    for (const verb of ['create', 'apply']) {
      expect(await kubectl(`${verb} -f -`, foo({ bars: [{ name: 'test-bar' }] }))).toMatchObject({ code: 0 });
      expect(await kubectl('delete foos one')).toMatchObject({ code: 0 });
      const unknown = await kubectl(`${verb} -f -`, foo({ foo: true }));
      expect([unknown.code, unknown.out]).toEqual([1, expect.stringContaining('unknown field "spec.foo"')]);
      const without = await kubectl(`${verb} -f -`, foo({ bars: [{ age: '10' }] }));
      expect([without.code, without.out]).toEqual([1, expect.stringContaining('spec.bars[0].name: Required value')]);
    }
  });

  it.each([
    [
      'foos',
      /DESCRIPTION:\n +Foo for testing.[^]*FIELDS:\n +apiVersion\t<string>\n +APIVersion defines [^]*spec\t<Object>\n +What it/,
    ],
    [
      'foos.metadata',
      /DESCRIPTION:\n +Standard object's metadata[^]*creationTimestamp\t<string>\n +CreationTimestamp is a timestamp/,
    ],
    ['foos.spec', /DESCRIPTION:\n +What it should be like.\n[^]*bars\t<\[\]Object>\n +List of Bars and their specs/],
    [
      'foos.spec.bars',
      /DESCRIPTION:\n +List of Bars and their specs.\n[^]*bazs\t<\[\]string>\n +List of Bazs[^]*name\t<string> -required-\n +Name of Bar/,
    ],
  ])('are explained: %s', async (what, told) => {
    const { code, out } = await kubectl(`explain ${what}`);
    expect([code, out]).toEqual([0, expect.stringMatching(told)]);
  });

  it('are not explained where there is nothing', async () => {
    const { code, out } = await kubectl('explain foos.spec.bars2');
    expect([code, out]).toEqual([1, expect.stringContaining('field "bars2" does not exist')]);
  });
});

describe('the schemas of custom resources', () => {
  const hulls = withMembers('It has a hull.', { properties: { hull } });
  const sails = withMembers('It has sails.', { properties: { sails: { type: 'integer' } } });
  const define = async (plural: string, more: Parameters<typeof definition>[1]) => {
    const made = definition(plural, more);
    await server.define(made);
    for (const { name } of made.spec.versions as { name: string }[]) await listed(`${made.spec.group}/${name}`);
  };
  const specIn = (schema: typeof hulls) => expect.objectContaining({ spec: schema.properties.spec });
  const shown = (schema: typeof hulls) =>
    expect.objectContaining({ description: schema.description, properties: specIn(schema) });

  it('are published for each of several groups', async () => {
    await define('boats', { group: 'one.test.io', versions: versionsOf({ v1: { schema: hulls } }) });
    await define('ships', { group: 'two.test.io', versions: versionsOf({ v1beta1: { schema: sails } }) });
    const all = await published();
    expect(all['io.test.one.v1.Boat']).toEqual(shown(hulls));
    expect(all['io.test.two.v1beta1.Ship']).toEqual(shown(sails));
  });

  it('are published for each version, of one definition and of several', async () => {
    await define('ferries', {
      group: 'many.test.io',
      versions: versionsOf({ v2: { schema: hulls }, v3: { schema: sails } }),
    });
    await define('canoes', { group: 'many.test.io', versions: versionsOf({ v4: { schema: hulls } }) });
    await define('kayaks', { group: 'many.test.io', versions: versionsOf({ v5: { schema: sails } }) });
    const all = await published();
    expect(all['io.test.many.v2.Ferrie']).toEqual(shown(hulls));
    expect(all['io.test.many.v3.Ferrie']).toEqual(shown(sails));
    expect(all['io.test.many.v4.Canoe']).toEqual(shown(hulls));
    expect(all['io.test.many.v5.Kayak']).toEqual(shown(sails));
  });

  it('are published for each kind of one version', async () => {
    await define('dories', { group: 'same.test.io', versions: versionsOf({ v6: { schema: hulls } }) });
    await define('yawls', { group: 'same.test.io', versions: versionsOf({ v6: { schema: sails } }) });
    const all = await published();
    expect(all['io.test.same.v6.Dorie']).toEqual(shown(hulls));
    expect(all['io.test.same.v6.Yawl']).toEqual(shown(sails));
    const { schemas } = (await server.get('/openapi/v3/apis/same.test.io/v6')).body.components;
    expect(Object.keys(schemas)).toEqual(expect.arrayContaining(['io.test.same.v6.Dorie', 'io.test.same.v6.Yawl']));
  });

  it('follow a version that gets another name, and leave the others as they are', async () => {
    await define('arks', {
      group: 'new.test.io',
      versions: versionsOf({ v2: { schema: hulls }, v3: { schema: sails } }),
    });
    const before = await published();
    await redefine(server, 'arks.new.test.io', {
      versions: versionsOf({ v2: { schema: hulls }, v4: { schema: sails } }),
    });
    await listed('new.test.io/v4');
    await listed('new.test.io/v3', false);
    const after = await published();
    expect(after['io.test.new.v4.Ark']).toEqual(shown(sails));
    expect(after['io.test.new.v3.Ark']).toBeUndefined();
    expect(after['io.test.new.v2.Ark']).toEqual(before['io.test.new.v2.Ark']);
  });

  it('go with a version that is not served any more', async () => {
    await define('tugs', {
      group: 'old.test.io',
      versions: versionsOf({ v5: { schema: hulls }, v6: { schema: sails } }),
    });
    const before = await published();
    expect(before['io.test.old.v6.Tug']).toEqual(shown(sails));
    const versions = versionsOf({ v5: { schema: hulls }, v6: { schema: sails, served: false } });
    await redefine(server, 'tugs.old.test.io', { versions });
    await listed('old.test.io/v6', false);
    const after = await published();
    expect(after['io.test.old.v6.Tug']).toBeUndefined();
    expect(after['io.test.old.v5.Tug']).toEqual(before['io.test.old.v5.Tug']);
    expect((await server.send('DELETE', `${definitions}/tugs.old.test.io`)).status).toBe(200);
    await listed('old.test.io/v5', false);
  });
});
