import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, resources, startCluster } from '../../src/testing/testing.ts';
import { RealClient, type ReleaseName, releases } from './clients.ts';

const { configmaps, cronjobs, deployments, horizontalpodautoscalers, ingresses, poddisruptionbudgets, pods } =
  resources;
const at = (name: string) => ({ namespace: 'default', name });

const config = (data: object): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'config' }, data });

/** One ingress, as it was written in 2020. */
const oldIngress = `
apiVersion: extensions/v1beta1
kind: Ingress
metadata: {name: old}
spec:
  rules: [{host: x.org, http: {paths: [{path: /, backend: {serviceName: web, servicePort: 80}}]}}]
`;

/** kubectl of several ages against today's API; nodes are hollow, everything else is real. */
describe.each(['v20', 'v32', 'v36'] as ReleaseName[])('kubectl of the package %s', (name) => {
  const version = releases[name].kubectl;
  const isOld = version === '1.20';
  let cluster: Cluster;
  let kubectl: RealClient;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2, serving: { removed: true } });
    kubectl = new RealClient(name, 'kubectl', await cluster.kubeconfig());
  });
  afterAll(async () => {
    kubectl.close();
    await cluster.stop();
  });

  it('finds out what there is', async () => {
    expect(await kubectl.ok('version')).toContain(`v${version}.`);
    const listed = await kubectl.ok('api-resources --api-group=apps --no-headers');
    expect(listed).toMatch(/deployments +deploy +apps\/v1 +true +Deployment/);
    const versions = (await kubectl.ok('api-versions')).split('\n');
    expect(versions).toEqual(expect.arrayContaining(['v1', 'apps/v1', 'autoscaling/v1', 'autoscaling/v2']));
    expect(await kubectl.ok('explain deployment.spec.replicas')).toContain('replicas');
    expect(await kubectl.ok('get --raw /readyz')).toBe('ok');
  });

  it('applies on its side, and again', async () => {
    expect(await kubectl.ok('apply -f -', config({ a: '1', b: '2' }))).toBe('configmap/config created\n');
    expect(await kubectl.ok('apply -f -', config({ a: '1', b: '2' }))).toBe('configmap/config unchanged\n');
    const { stdout } = await kubectl.run(['diff', '-f', '-'], config({ a: '2' }));
    expect(stdout).toMatch(/^-  b: "2"$/m);
    expect(await kubectl.ok('apply -f -', config({ a: '2' }))).toBe('configmap/config configured\n');
    const { data, metadata } = await cluster.client.get(configmaps, at('config'));
    expect(data).toEqual({ a: '2' });
    expect(Object.keys(metadata.annotations ?? {})).toEqual(['kubectl.kubernetes.io/last-applied-configuration']);
  });

  it('applies on the server, and hears of conflicts', async () => {
    const flags = 'apply --server-side --field-manager other -f -';
    const said = await kubectl.refused(flags, config({ a: '3' }));
    expect(said).toContain('conflict');
    expect(said).toContain('.data.a');
    expect(await kubectl.ok(`${flags} --force-conflicts`, config({ a: '3' }))).toBe(
      'configmap/config serverside-applied\n',
    );
    const { managedFields } = (await cluster.client.get(configmaps, at('config'))).metadata;
    expect(managedFields?.find(({ manager }) => manager === 'other')).toMatchObject({
      operation: 'Apply',
      fieldsV1: { 'f:data': { 'f:a': {} } },
    });
  });

  it('makes a deployment, follows it, changes it, and goes back', async () => {
    await kubectl.ok('create deployment web --image=web:1 --replicas=3');
    expect(await kubectl.ok('rollout status deployment/web --timeout=30s')).toContain('successfully rolled out');
    const table = await kubectl.ok('get pods -l app=web -o wide');
    expect(table.split('\n')[0]).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE/);
    expect(table.match(/1\/1 +Running/g)).toHaveLength(3);
    await kubectl.ok('set image deployment/web web=web:2');
    await kubectl.ok('rollout status deployment/web --timeout=30s');
    await kubectl.ok('scale deployment/web --replicas=2');
    await kubectl.ok('rollout undo deployment/web');
    await kubectl.ok('wait deployment/web --for=condition=Available --timeout=30s');
    const { spec } = await cluster.client.get(deployments, at('web'));
    expect([spec.replicas, spec.template.spec?.containers[0]?.image]).toEqual([2, 'web:1']);
    expect(await kubectl.ok('rollout history deployment/web')).toMatch(/^2 .*\n3 /m);
    expect(await kubectl.ok('describe deployment web')).toMatch(
      /ScalingReplicaSet +deployment-controller|ScalingReplicaSet/,
    );
  });

  it('autoscales in the version that it knows', async () => {
    await kubectl.ok('autoscale deployment web --min=2 --max=4 --cpu-percent=60');
    const { spec } = await cluster.client.get(horizontalpodautoscalers, at('web'));
    expect(spec).toMatchObject({
      maxReplicas: 4,
      metrics: [{ resource: { name: 'cpu', target: { averageUtilization: 60 } } }],
    });
    expect(await kubectl.ok('get hpa web')).toMatch(/Deployment\/web +(cpu: )?<unknown>\/60% +2 +4/);
    expect(
      await kubectl.ok(
        'get horizontalpodautoscalers.v1.autoscaling web -o jsonpath={.spec.targetCPUUtilizationPercentage}',
      ),
    ).toBe('60');
    expect(await kubectl.ok('describe hpa web')).toContain('60%');
  });

  it('makes what it had a command for then', async () => {
    await kubectl.run(['create', 'cronjob', 'tock', '--image=tock:1', '--schedule=*/5 * * * *']);
    expect((await cluster.client.get(cronjobs, at('tock'))).spec.schedule).toBe('*/5 * * * *');
    expect(await kubectl.ok('get cronjobs tock --no-headers')).toMatch(/^tock +\*\/5 \* \* \* \*/);
    await kubectl.ok('create poddisruptionbudget web --selector=app=web --min-available=1');
    expect((await cluster.client.get(poddisruptionbudgets, at('web'))).spec).toMatchObject({ minAvailable: 1 });
  });

  it('is warned of versions that are gone, and still understood', async () => {
    const { code, stderr } = await kubectl.run(['apply', '-f', '-'], oldIngress);
    expect([code, stderr]).toEqual([
      0,
      'Warning: extensions/v1beta1 Ingress is deprecated in v1.14+, unavailable in v1.22+; use networking.k8s.io/v1 Ingress\n',
    ]);
    const { spec } = await cluster.client.get(ingresses, at('old'));
    expect(spec.rules?.[0]?.http?.paths[0]?.backend).toEqual({ service: { name: 'web', port: { number: 80 } } });
  });

  it('changes objects in every way', async () => {
    await kubectl.ok('label configmap config tier=front');
    await kubectl.ok('annotate configmap config note=yes');
    await kubectl.run(['patch', 'configmap', 'config', '-p', '{"data":{"p":"strategic"}}']);
    await kubectl.run(['patch', 'configmap', 'config', '--type=json', '-p', '[{"op":"remove","path":"/data/a"}]']);
    await kubectl.run(['patch', 'configmap', 'config', '--type=merge', '-p', '{"data":{"m":"merge"}}']);
    const { data, metadata } = await cluster.client.get(configmaps, at('config'));
    expect(data).toEqual({ p: 'strategic', m: 'merge' });
    expect(metadata.labels).toEqual({ tier: 'front' });
    expect(await kubectl.ok('get configmaps -l tier=front -o name')).toBe('configmap/config\n');
    expect(await kubectl.ok('auth can-i delete pods')).toBe('yes\n');
    expect(await kubectl.ok('get events -o name')).toContain('event');
  });

  it('drains a node, within the budget', async () => {
    await kubectl.ok('drain node-1 --ignore-daemonsets --force --timeout=40s');
    const { items } = await cluster.client.list(pods, { labelSelector: 'app=web' });
    expect(items.filter(({ spec, metadata }) => spec.nodeName === 'node-1' && !metadata.deletionTimestamp)).toEqual([]);
    expect(await kubectl.ok('get node node-1')).toContain('SchedulingDisabled');
    await kubectl.ok('uncordon node-1');
  });

  it('deletes, and says what is not there', async () => {
    expect(await kubectl.ok('delete deployment web --timeout=30s')).toBe(
      'deployment.apps "web" deleted'.concat(isOld || version === '1.32' ? '\n' : ' from default namespace\n'),
    );
    expect(await kubectl.refused('get deployment web')).toContain('deployments.apps "web" not found');
    expect(
      await kubectl.refused('create -f -', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"A"}}'),
    ).toContain('metadata.name: Invalid value: "A"');
  });
});
