import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endpointslices, pods, replicationcontrollers } from '../../src/api/generated/resources.ts';
import type { Pod } from '../../src/api/generated/types.ts';
import type { Cluster } from '../../src/testing/cluster.ts';
import { startCluster } from '../../src/testing/start-cluster.ts';
import { type ApiKubectl, kubectlWith } from './extension/api-kubectl.ts';

/** The real kubectl and a whole control plane; the node is hollow: what it says to run runs nowhere. */
describe('kubectl and a hollow cluster', () => {
  let cluster: Cluster;
  let kubectl: ApiKubectl;
  const ok = async (args: string | readonly string[], input?: string): Promise<string> => {
    const { code, out } = await kubectl(args, input);
    expect([code, out]).toEqual([0, out]);
    return out;
  };
  const get = (name: string): Promise<Pod> => cluster.client.get(pods, { namespace: 'default', name });
  const ofController = async (): Promise<Pod> => {
    const [pod] = (await cluster.client.list(pods, { namespace: 'default', labelSelector: 'app=web' })).items;
    if (!pod) throw new Error('no pod');
    return pod;
  };
  const container = { name: 'main', image: 'app:1' };

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 1 });
    kubectl = await kubectlWith(await cluster.kubeconfig());
    const labels = { app: 'web', role: 'primary' };
    const template = {
      metadata: { labels },
      spec: { containers: [{ ...container, ports: [{ containerPort: 6379 }] }] },
    };
    await cluster.apply([
      {
        apiVersion: 'v1',
        kind: 'ReplicationController',
        metadata: { name: 'web', labels, namespace: 'default' },
        spec: { replicas: 1, selector: labels, template },
      },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'lone', namespace: 'default', labels: { run: 'lone' } },
        spec: { containers: [container] },
      },
    ] as never);
    await cluster.waitFor(replicationcontrollers, 'web', ({ status }) => status?.readyReplicas === 1);
    await cluster.waitFor(pods, 'lone', ({ status }) => status?.phase === 'Running');
  });
  afterAll(async () => {
    kubectl.close();
    await cluster.stop();
  });

  it('describes a controller, its pod, its service, the node and the namespace', async () => {
    await ok('create service clusterip described --tcp=6379:6379');
    const { metadata, status } = await ofController();
    const node = (await ofController()).spec.nodeName ?? '';
    const has = async (args: string, lines: RegExp[]) => {
      const out = await ok(`describe ${args}`);
      for (const line of lines) expect(out).toMatch(line);
    };
    await has('rc web', [
      /^Name: +web$/m,
      /^Namespace: +default$/m,
      /^Selector: +app=web,role=primary$/m,
      /^Labels: +app=web\n +role=primary$/m,
      /^Replicas: +1 current \/ 1 desired$/m,
      /^Pods Status: +1 Running \/ 0 Waiting \/ 0 Succeeded \/ 0 Failed$/m,
      /^Pod Template:\n +Labels: +app=web\n +role=primary$/m,
      /^ +Image: +app:1$/m,
      /^Events:[^]+SuccessfulCreate/m,
    ]);
    await has(`pod ${metadata.name}`, [
      /^Name: +web-/m,
      new RegExp(`^Node: +${node}/`, 'm'),
      /^Labels: +app=web\n +role=primary$/m,
      /^Status: +Running$/m,
      new RegExp(`^IP: +${status?.podIP}$`, 'm'),
      /^Controlled By: +ReplicationController\/web$/m,
      /^ +Image: +app:1$/m,
      /^ +State: +Running$/m,
      /^QoS Class: +BestEffort$/m,
    ]);
    await has('service described', [
      /^Name: +described$/m,
      /^Selector: +app=described$/m,
      /^Type: +ClusterIP$/m,
      /^IP: +[\d.]+$/m,
      /^Port: +6379-6379 +6379\/TCP$/m,
      /^Endpoints: +$/m,
      /^Session Affinity: +None$/m,
    ]);
    await has(`node ${node}`, [
      new RegExp(`^Name: +${node}$`, 'm'),
      /^Labels:/m,
      /^Annotations:/m,
      /^CreationTimestamp:/m,
      /^Conditions:/m,
      /^Addresses:/m,
      /^Capacity:/m,
      /^ +Operating System: +linux$/m,
      /^ +Kubelet Version:/m,
    ]);
    await has('namespace default', [/^Name: +default$/m, /^Status: +Active$/m, /^No resource quota\.$/m]);
  });

  it('exposes a controller, and the service that this made', async () => {
    const podIp = (await ofController()).status?.podIP;
    const lead = async (service: string, port: number) => {
      const found = await cluster.waitForAll(endpointslices, { namespace: 'default' }, (all) =>
        all.some(({ metadata, endpoints }) => metadata.name.startsWith(`${service}-`) && endpoints?.length === 1),
      );
      const slice = found.find(({ metadata }) => metadata.name.startsWith(`${service}-`));
      expect([slice?.endpoints?.[0]?.addresses, slice?.ports?.[0]?.port]).toEqual([[podIp], 6379]);
      expect(await ok(`get service ${service} -o jsonpath={.spec.ports[0].port}`)).toBe(String(port));
    };
    await ok('expose rc web --name=first --port=1234 --target-port=6379');
    await lead('first', 1234);
    await ok('expose service first --name=second --port=2345 --target-port=6379');
    await lead('second', 2345);
  });

  it('adds annotations to the pods of a controller', async () => {
    const { name } = (await ofController()).metadata;
    expect(await ok(['patch', 'pod', name, '-p', '{"metadata":{"annotations":{"x":"y"}}}'])).toBe(
      `pod/${name} patched\n`,
    );
    expect((await get(name)).metadata.annotations?.x).toBe('y');
  });

  it('changes nothing in a dry run on the server, and a pod’s image by replacing the pod', async () => {
    const spec = { containers: [{ ...container, image: 'app:2' }] };
    const patch = ['patch', 'pod', 'lone', '-p', JSON.stringify({ spec })];
    expect(await ok([...patch, '--dry-run=server'])).toBe('pod/lone patched\n');
    expect((await get('lone')).spec.containers[0]?.image).toBe('app:1');
    const object = JSON.parse(await ok('get pod lone -o json')) as Pod;
    const replaced = {
      ...object,
      spec: { ...object.spec, containers: [{ ...object.spec.containers[0], image: 'app:2' }] },
    };
    expect(await ok('replace -f -', JSON.stringify(replaced))).toBe('pod/lone replaced\n');
    expect((await get('lone')).spec.containers[0]?.image).toBe('app:2');
  });

  it('passes the API on at a socket of the file system', async () => {
    const socketPath = join(kubectl.dir, 'api.sock');
    const proxy = kubectl.start(['proxy', `--unix-socket=${socketPath}`]);
    await once(proxy.stdout as NodeJS.ReadableStream, 'data');
    const text = await new Promise<string>((resolve, reject) => {
      request({ socketPath, path: '/api/' }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
      })
        .on('error', reject)
        .end();
    });
    expect(JSON.parse(text)).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    const ended = once(proxy, 'close');
    proxy.kill();
    await ended;
  });
});
