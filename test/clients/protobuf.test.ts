import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, resources, startCluster } from '../../src/testing/testing.ts';
import { ProtobufClient } from './protobuf-client.ts';

const { deployments, horizontalpodautoscalers } = resources;

interface ResourceEntry {
  name: string;
  kind: string;
  verbs: string[];
}
interface Listed {
  metadata: { name: string; uid: string; resourceVersion: string; labels?: Record<string, string> };
}

describe('a protobuf client made from the .proto files', () => {
  let cluster: Cluster;
  let client: ProtobufClient;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2, serving: { runtimeConfig: { 'api/all': true }, removed: true } });
    client = new ProtobufClient(await cluster.kubeconfig());
  });
  afterAll(() => cluster.stop());

  it('writes what others read as JSON, and reads what they wrote', async () => {
    const object = {
      metadata: { name: 'web', labels: { app: 'web' } },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            containers: [
              {
                name: 'main',
                image: 'web:1',
                ports: [{ containerPort: 80 }],
                resources: { requests: { cpu: { string: '100m' }, memory: { string: '64Mi' } } },
                readinessProbe: { handler: { httpGet: { path: '/', port: { type: 1, intVal: 0, strVal: 'http' } } } },
              },
            ],
          },
        },
      },
    };
    const made = await client.create('/apis/apps/v1/namespaces/default/deployments', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      object,
    });
    expect(made).toMatchObject({ apiVersion: 'apps/v1', kind: 'Deployment' });
    const stored = await cluster.client.get(deployments, { namespace: 'default', name: 'web' });
    const [container] = stored.spec.template.spec?.containers ?? [];
    expect(container).toMatchObject({
      image: 'web:1',
      ports: [{ containerPort: 80, protocol: 'TCP' }],
      resources: { requests: { cpu: '100m', memory: '64Mi' } },
      readinessProbe: { httpGet: { path: '/', port: 'http', scheme: 'HTTP' } },
    });
    expect(made.object.metadata.uid).toBe(stored.metadata.uid);
    expect(made.object.spec.strategy.rollingUpdate.maxSurge).toMatchObject({ type: 1, strVal: '25%' });
    expect(made.object.metadata.creationTimestamp.seconds * 1000).toBe(
      Date.parse(stored.metadata.creationTimestamp ?? ''),
    );
  });

  it('lists every kind in every version as JSON has it', async () => {
    await cluster.waitFor(deployments, 'default/web', ({ status }) => status.readyReplicas === 2);
    const lists: string[] = [];
    const { groups } = JSON.parse((await client.raw('GET', '/apis')).body.toString()) as {
      groups: { versions: { groupVersion: string }[] }[];
    };
    const roots = ['/api/v1', ...groups.flatMap(({ versions }) => versions.map((v) => `/apis/${v.groupVersion}`))];
    let items = 0;
    for (const root of roots) {
      const { resources: all } = JSON.parse((await client.raw('GET', root)).body.toString()) as {
        resources: ResourceEntry[];
      };
      for (const { name, kind, verbs } of all) {
        // Definitions and API services are kept by servers that speak no protobuf to theirs.
        if (!verbs.includes('list')) continue;
        const path = `${root}/${name}`;
        const { kind: listKind, object } = await client.get(path);
        const json = JSON.parse(
          (await client.raw('GET', path, undefined, { accept: 'application/json' })).body.toString(),
        ) as {
          kind: string;
          metadata: { resourceVersion: string };
          items: Listed[];
        };
        const core = ({ metadata }: Listed) => [
          metadata.name,
          metadata.uid || '',
          metadata.resourceVersion || '',
          metadata.labels ?? {},
        ];
        expect([path, listKind, object.items.map(core)]).toEqual([path, json.kind, json.items.map(core)]);
        expect(kind).toBe(listKind.replace(/List$/, ''));
        lists.push(path);
        items += json.items.length;
      }
    }
    expect(lists.length).toBeGreaterThan(90);
    expect(items).toBeGreaterThan(300);
  });

  it('watches, in the version that it asks for', async () => {
    const path = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers';
    const { resourceVersion } = (await client.get(path)).object.metadata;
    const events = client.watch(`${path}?watch=true&resourceVersion=${resourceVersion}`, 2);
    const spec = {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      maxReplicas: 5,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 40 } } },
      ],
    };
    await cluster.client.create(horizontalpodautoscalers, { metadata: { name: 'web', namespace: 'default' }, spec });
    const [added, changed] = await events;
    expect(added).toMatchObject({
      type: 'ADDED',
      object: {
        apiVersion: 'autoscaling/v1',
        object: { spec: { maxReplicas: 5, targetCPUUtilizationPercentage: 40 } },
      },
    });
    // The controller has said how it is.
    expect(changed).toMatchObject({ type: 'MODIFIED', object: { kind: 'HorizontalPodAutoscaler' } });
  });

  it('gets refusals in protobuf, and custom resources in JSON', async () => {
    expect(await client.get('/api/v1/namespaces/default/pods/none')).toMatchObject({
      kind: 'Status',
      object: { code: 404, reason: 'NotFound', message: 'pods "none" not found' },
    });
    await cluster.apply(`
      apiVersion: apiextensions.k8s.io/v1
      kind: CustomResourceDefinition
      metadata: {name: boats.example.com}
      spec:
        group: example.com
        scope: Namespaced
        names: {plural: boats, kind: Boat}
        versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
    `);
    await cluster.waitFor(
      resources.customresourcedefinitions,
      'boats.example.com',
      ({ status }) =>
        status.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') ?? false,
    );
    const path = '/apis/example.com/v1/namespaces/default/boats';
    expect((await client.raw('GET', path)).type).toBe('application/json');
    const only = await client.raw('GET', path, undefined, { accept: 'application/vnd.kubernetes.protobuf' });
    expect(only.status).toBe(406);
  });
});
