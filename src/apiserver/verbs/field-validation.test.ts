import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  customresourcedefinitions,
  deployments,
  namespaces,
  pods,
  serviceaccounts,
} from '../../api/generated/resources.ts';
import { startTestServer, type TestServer } from '../replay/server.fake.ts';

/** What Kubernetes says of these bodies is told by its own test of field validation (test/integration/apiserver, KEP-2885). */

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.admin.create(namespaces, { metadata: { name: 't' } });
  await server.admin.create(serviceaccounts, { metadata: { namespace: 't', name: 'default' } });
  await server.admin.create(customresourcedefinitions, definition);
  await vi.waitUntil(async () => (await send('GET', widgets)).code === 200, { timeout: 30_000 });
});
afterAll(() => server.close());

const [json, yaml] = ['application/json', 'application/yaml'];
const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';
const jsonPatch = 'application/json-patch+json';
const apply = 'application/apply-patch+yaml';
const list = '/apis/apps/v1/namespaces/t/deployments';
const widgets = '/apis/test.io/v1/widgets';

const definition = {
  metadata: { name: 'widgets.test.io' },
  spec: {
    group: 'test.io',
    scope: 'Cluster',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  known: { type: 'string' },
                  ports: { type: 'array', items: { type: 'object', properties: { port: { type: 'integer' } } } },
                  inner: {
                    type: 'object',
                    'x-kubernetes-embedded-resource': true,
                    properties: { spec: { type: 'object' } },
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
} as never;

interface Answer {
  code: number;
  message: string;
  warnings: string[];
}

async function send(method: string, path: string, body?: string, type = json): Promise<Answer> {
  const answer = await server.send({ method, path, headers: { 'content-type': type }, body });
  const { code = answer.status, message = '' } = JSON.parse(answer.body.toString()) as Partial<Answer>;
  const header = String(answer.headers['warning'] ?? '');
  const warnings = [...header.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(
    ([, text]) => JSON.parse(`"${text}"`) as string,
  );
  return { code: answer.status === 200 || answer.status === 201 ? answer.status : code, message, warnings };
}

const withMode = (path: string, mode: string, more = ''): string =>
  `${path}?${[mode && `fieldValidation=${mode}`, more].filter(Boolean).join('&')}`;

const deploymentJson = (name: string) => `{
  "apiVersion": "apps/v1", "kind": "Deployment",
  "metadata": { "name": "x", "name": "${name}", "unknownMeta": 1, "labels": { "app": "n" } },
  "spec": {
    "unknown1": "val1", "unknownDupe": "a", "unknownDupe": "b",
    "paused": true, "paused": false,
    "selector": { "matchLabels": { "app": "n" } },
    "template": {
      "metadata": { "labels": { "app": "n" } },
      "spec": { "containers": [{
        "name": "n", "image": "n:1", "unknownNested": { "a": 1, "a": 2 },
        "imagePullPolicy": "Always", "imagePullPolicy": "Never"
      }] }
    }
  }
}`;
const jsonFindings = [
  'duplicate field "metadata.name"',
  'unknown field "metadata.unknownMeta"',
  'unknown field "spec.unknown1"',
  'unknown field "spec.unknownDupe"',
  'duplicate field "spec.paused"',
  'unknown field "spec.template.spec.containers[0].unknownNested"',
  'duplicate field "spec.template.spec.containers[0].imagePullPolicy"',
];

const deploymentYaml = (name: string) => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: x
  name: ${name}
  unknownMeta: metaVal
  labels:
    app: n
spec:
  unknown1: val1
  unknownDupe: valDupe
  unknownDupe: valDupe2
  paused: true
  paused: false
  selector:
    matchLabels:
      app: n
  template:
    metadata:
      labels:
        app: n
    spec:
      containers:
      - name: n
        image: n:1
        unknownNested: val1
        imagePullPolicy: Always
        imagePullPolicy: Never
`;
const yamlLines = [
  'line 5: key "name" already set in map',
  'line 12: key "unknownDupe" already set in map',
  'line 14: key "paused" already set in map',
  'line 28: key "imagePullPolicy" already set in map',
];
const yamlUnknown = [
  'unknown field "metadata.unknownMeta"',
  'unknown field "spec.template.spec.containers[0].unknownNested"',
  'unknown field "spec.unknown1"',
  'unknown field "spec.unknownDupe"',
];
const yamlError = (lines: string[], unknown: string[]) =>
  `strict decoding error: yaml: unmarshal errors:\n  ${lines.join('\n  ')}${unknown.map((text) => `, ${text}`).join('')}`;

const widgetJson = (name: string) => `{
  "apiVersion": "test.io/v1", "kind": "Widget",
  "metadata": { "name": "x", "name": "${name}", "unknownMeta": 1 },
  "spec": {
    "unknown1": 1, "unknownDupe": 1, "unknownDupe": 2, "known": "a", "known": "b",
    "ports": [{ "port": 1, "port": 2, "unknownNested": 1 }],
    "inner": { "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "e", "unknownInner": 1 } }
  }
}`;
const widgetFindings = [
  'duplicate field "metadata.name"',
  'duplicate field "spec.unknownDupe"',
  'duplicate field "spec.known"',
  'duplicate field "spec.ports[0].port"',
  'unknown field "metadata.unknownMeta"',
  'unknown field "spec.ports[0].unknownNested"',
  'unknown field "spec.unknown1"',
  'unknown field "spec.unknownDupe"',
  'unknown field "spec.inner.metadata.unknownInner"',
];

interface Case {
  what: string;
  type: string;
  path: string;
  body: (name: string) => string;
  warnings: string[];
  error: string;
}
const created: Case[] = [
  {
    ...{ what: 'JSON', type: json, path: list, body: deploymentJson, warnings: jsonFindings },
    error: `Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: ${jsonFindings.join(', ')}`,
  },
  {
    ...{ what: 'YAML', type: yaml, path: list, body: deploymentYaml, warnings: [...yamlLines, ...yamlUnknown] },
    error: `Deployment in version "v1" cannot be handled as a Deployment: ${yamlError(yamlLines, yamlUnknown)}`,
  },
  {
    ...{ what: 'a custom resource', type: json, path: widgets, body: widgetJson, warnings: widgetFindings },
    error: `Widget in version "v1" cannot be handled as a Widget: strict decoding error: ${widgetFindings.join(', ')}`,
  },
];

describe.each(created)('a create of $what', ({ what, type, path, body, warnings, error }) => {
  const name = (mode: string) => `${what.toLowerCase().replaceAll(' ', '-')}-${mode.toLowerCase()}`;

  it('is refused when it must be right', async () => {
    expect(await send('POST', withMode(path, 'Strict'), body(name('strict')), type)).toEqual({
      ...{ code: 400, message: error, warnings: [] },
    });
  });

  it.each(['Warn', ''])('is warned about (%j)', async (mode) => {
    const answer = await send('POST', withMode(path, mode), body(name(`warn${mode}`)), type);
    expect(answer).toEqual({ code: 201, message: '', warnings });
  });

  it('passes when nobody cares; the last of two holds', async () => {
    const answer = await send('POST', withMode(path, 'Ignore'), body(name('ignore')), type);
    expect(answer).toEqual({ code: 201, message: '', warnings: [] });
    expect((await send('GET', `${path}/${name('ignore')}`)).code).toBe(200);
  });

  it('is an update, too', async () => {
    const at = `${path}/${name('ignore')}`;
    const strict = await send('PUT', withMode(at, 'Strict'), body(name('ignore')), type);
    expect(strict).toMatchObject({ code: 400, message: error });
  });
});

describe('a patch', () => {
  const strange = `{"spec":{"unknown1":1,"unknownDupe":1,"unknownDupe":2,"paused":true,"paused":false,
    "template":{"spec":{"containers":[{"name":"n","image":"n:1","unknownNested":1,"imagePullPolicy":"Always","imagePullPolicy":"Never"}]}}}}`;
  const findings = [
    'duplicate field "spec.unknownDupe"',
    'duplicate field "spec.paused"',
    'duplicate field "spec.template.spec.containers[0].imagePullPolicy"',
    'unknown field "spec.template.spec.containers[0].unknownNested"',
    'unknown field "spec.unknown1"',
    'unknown field "spec.unknownDupe"',
  ];
  const operations = `[
    {"op":"add","path":"/spec/unknown1","value":1,"foo":"bar"},
    {"op":"add","path":"/spec/unknown2","path":"/spec/unknown3","value":{"a":1,"a":2}},
    {"op":"add","path":"/spec/template/spec/containers/0/unknownNested","value":1}
  ]`;
  const operationFindings = [
    'json patch unknown field "[0].foo"',
    'json patch duplicate field "[1].path"',
    'json patch duplicate field "[1].value.a"',
    'unknown field "spec.template.spec.containers[0].unknownNested"',
    'unknown field "spec.unknown1"',
    'unknown field "spec.unknown3"',
  ];
  const twice = '{"spec":{"paused":true,"paused":false}}';
  const cases: [string, string, string, string[]][] = [
    ['merge', merge, strange, findings],
    ['strategic', strategic, strange, findings],
    ['json', jsonPatch, operations, operationFindings],
    ['merge that only says it twice', merge, twice, ['duplicate field "spec.paused"']],
    ['strategic that only says it twice', strategic, twice, ['duplicate field "spec.paused"']],
  ];
  const at = `${list}/patched`;
  beforeAll(async () => {
    const containers = [{ name: 'n', image: 'n:1' }];
    const labels = { app: 'n' };
    const template = { metadata: { labels }, spec: { containers } };
    await server.admin.create(deployments, {
      metadata: { namespace: 't', name: 'patched' },
      spec: { selector: { matchLabels: labels }, template },
    } as never);
  });

  it.each(cases)('(%s) is refused, warned about or let through', async (_, type, body, found) => {
    const strict = await send('PATCH', withMode(at, 'Strict'), body, type);
    expect(strict).toMatchObject({ code: 422, warnings: [] });
    expect(strict.message).toContain(`strict decoding error: ${found.join(', ')}`);
    for (const mode of ['Warn', ''])
      expect(await send('PATCH', withMode(at, mode), body, type)).toEqual({ code: 200, message: '', warnings: found });
    expect(await send('PATCH', withMode(at, 'Ignore'), body, type)).toEqual({ code: 200, message: '', warnings: [] });
  });

  it('of a custom resource is told of, too', async () => {
    const path = `${widgets}/a-custom-resource-ignore`;
    const body = '{"spec":{"known":"a","known":"c","unknown1":1,"ports":[{"port":1,"no":1}]}}';
    const { warnings } = await send('PATCH', withMode(path, 'Warn'), body, merge);
    expect(warnings).toEqual([
      'duplicate field "spec.known"',
      'unknown field "spec.ports[0].no"',
      'unknown field "spec.unknown1"',
    ]);
  });
});

describe('what is applied', () => {
  const body = (name: string) => `{
  "apiVersion": "apps/v1", "kind": "Deployment",
  "metadata": { "name": "${name}" },
  "spec": {
    "paused": false,
    "paused": true,
    "selector": { "matchLabels": { "app": "n" } },
    "template": { "metadata": { "labels": { "app": "n" } }, "spec": { "containers": [{ "name": "n", "image": "n:1" }] } }
  }
}`;
  const line = 'line 6: key "paused" already set in map';
  const at = (name: string, mode: string) => withMode(`${list}/${name}`, mode, 'fieldManager=test');

  it('has nothing twice, be it YAML or JSON', async () => {
    expect(await send('PATCH', at('applied', 'Strict'), body('applied'), apply)).toEqual({
      code: 400,
      message: `error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  ${line}`,
      warnings: [],
    });
    for (const code of [201, 200])
      expect(await send('PATCH', at('applied', ''), body('applied'), apply)).toEqual({
        code,
        message: '',
        warnings: [line],
      });
    expect((await send('PATCH', at('applied', 'Ignore'), body('applied'), apply)).warnings).toEqual([]);
  });
});

describe('other bodies', () => {
  const collection = '/api/v1/namespaces/t/pods';

  it.each([
    ['eviction', 'policy/v1', 'Eviction', '"unknown":1'],
    ['binding', 'v1', 'Binding', '"target":{"name":"n1","unknown":1}'],
  ])('of %s are looked at', async (subresource, apiVersion, kind, more) => {
    await server.admin.create(pods, {
      metadata: { namespace: 't', name: subresource },
      spec: { containers: [{ name: 'c', image: 'i:1' }] },
    } as never);
    const body = `{"apiVersion":"${apiVersion}","kind":"${kind}","metadata":{"name":"${subresource}"},${more}}`;
    const { code, message } = await send(
      'POST',
      withMode(`${collection}/${subresource}/${subresource}`, 'Strict'),
      body,
    );
    expect(code).toBe(400);
    expect(message).toMatch(
      new RegExp(
        `^${kind} in version "v1" cannot be handled as a ${kind}: strict decoding error: unknown field "(target.)?unknown"$`,
      ),
    );
  });

  it('of scale are looked at', async () => {
    const body = '{"spec":{"replicas":2,"replicas":1,"unknown":1}}';
    const { warnings } = await send('PATCH', withMode(`${list}/patched/scale`, 'Warn'), body, merge);
    expect(warnings).toEqual(['duplicate field "spec.replicas"', 'unknown field "spec.unknown"']);
  });

  it('are treated in one of three ways', async () => {
    expect((await send('POST', withMode(list, 'Perhaps'), deploymentJson('no'))).message).toContain(
      'fieldValidation: Unsupported value: "Perhaps": supported values: "", "Ignore", "Strict", "Warn"',
    );
  });
});
