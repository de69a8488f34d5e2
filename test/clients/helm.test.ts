import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, resources, startCluster } from '../../src/testing/testing.ts';
import { RealClient, type ReleaseName, releases } from './clients.ts';

const { configmaps, customresourcedefinitions, deployments, horizontalpodautoscalers, jobs, pods, secrets } = resources;
const ships = { group: 'fleet.example.com', version: 'v1', resource: 'ships', kind: 'Ship', namespaced: true };
const namespace = 'sea';
const at = (name: string) => ({ namespace, name });

interface Revision {
  revision: number;
  status: string;
  chart: string;
}

/** A chart of ours through its whole life, as Helm's users live it; nodes are hollow, everything else is real. */
describe.each(['v32', 'v36'] as ReleaseName[])('Helm of the package %s', (name) => {
  const version = releases[name].helm;
  let cluster: Cluster;
  let helm: RealClient;
  beforeAll(async () => {
    cluster = await startCluster({
      behaviours: [{ name: 'tests', for: { image: 'test:*' }, exit: { after: '1s', code: 0 } }],
    });
    helm = new RealClient(name, 'helm', await cluster.kubeconfig());
    cpSync(join(import.meta.dirname, 'testdata'), helm.dir, { recursive: true });
  });
  afterAll(async () => {
    helm.close();
    await cluster.stop();
  });
  const history = async (): Promise<Revision[]> =>
    JSON.parse(await helm.ok(`history fleet -n ${namespace} -o json`)) as Revision[];

  it('is the release that the package is for', async () => {
    expect(await helm.ok('version --short')).toMatch(new RegExp(`^v${version.replace('.', '\\.')}\\.`));
  });

  it('installs dependencies, definitions, hooks and objects, and waits until they are ready', async () => {
    await helm.ok('dependency update fleet');
    const out = await helm.ok(`install fleet fleet -n ${namespace} --create-namespace --wait --timeout 30s`);
    expect(out).toContain('STATUS: deployed');
    expect(out).toContain('fleet lies in Bergen.');
    const { status } = await cluster.client.get(deployments, at('fleet'));
    expect(status).toMatchObject({ readyReplicas: 2, availableReplicas: 2 });
    const definition = await cluster.client.get(customresourcedefinitions, { name: 'ships.fleet.example.com' });
    expect(definition.status.acceptedNames?.kind).toBe('Ship');
    expect(await cluster.client.get(ships, at('fleet'))).toMatchObject({ spec: { sails: 2 } });
    const crew = await cluster.client.get(secrets, at('fleet-crew'));
    expect(Buffer.from(crew.data?.size ?? '', 'base64').toString()).toBe('12');
    const release = await cluster.client.get(secrets, at('sh.helm.release.v1.fleet.v1'));
    expect([release.type, release.metadata.labels?.status]).toEqual(['helm.sh/release.v1', 'deployed']);
    // The hook was over before anything else was made.
    const hook = await cluster.client.get(jobs, at('fleet-pre-install'));
    expect(hook.status.succeeded).toBe(1);
    const config = await cluster.client.get(configmaps, at('fleet'));
    expect(Date.parse(hook.status.completionTime ?? '')).toBeLessThanOrEqual(
      Date.parse(config.metadata.creationTimestamp ?? ''),
    );
    expect(config.data).toMatchObject({ harbour: 'Bergen', revision: '1', autoscaling: 'true' });
  });

  it('owns what it wrote', async () => {
    const { metadata } = await cluster.client.get(configmaps, at('fleet'));
    const own = metadata.managedFields?.find(({ manager }) => manager === 'helm');
    // Helm 4 applies on the server; before, it wrote what it had merged itself.
    expect(own?.operation).toBe(version.startsWith('4') ? 'Apply' : 'Update');
    expect(own?.fieldsV1).toMatchObject({ 'f:data': { 'f:harbour': {} } });
  });

  it('upgrades: adds, changes, and takes away', async () => {
    const flags = '--set replicas=3,harbour=Oslo,crew.enabled=false,scaling=70 --wait --timeout 30s';
    await helm.ok(`upgrade fleet fleet -n ${namespace} ${flags}`);
    expect((await cluster.client.get(deployments, at('fleet'))).status).toMatchObject({ readyReplicas: 3 });
    expect((await cluster.client.get(configmaps, at('fleet'))).data).toMatchObject({ harbour: 'Oslo', revision: '2' });
    await expect(cluster.client.get(secrets, at('fleet-crew'))).rejects.toMatchObject({ reason: 'NotFound' });
    expect((await cluster.client.get(jobs, at('fleet-post-upgrade'))).status.succeeded).toBe(1);
    const hpa = await cluster.client.get(horizontalpodautoscalers, at('fleet'));
    expect(hpa.spec).toMatchObject({
      minReplicas: 3,
      metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { averageUtilization: 70 } } }],
    });
  });

  it('runs the tests of a release', async () => {
    const out = await helm.ok(`test fleet -n ${namespace} --timeout 30s`);
    expect(out).toMatch(/Phase: +Succeeded/);
    expect((await cluster.client.get(pods, at('fleet-test'))).status.phase).toBe('Succeeded');
  });

  it('fails when what it waits for does not come, and goes back', async () => {
    const broken = '--set replicas=3,behaviour=image-pull-failure --wait --timeout 3s';
    const said = await helm.refused(`upgrade fleet fleet -n ${namespace} ${broken}`);
    expect(said).toMatch(/UPGRADE FAILED/);
    expect((await history()).map(({ status }) => status)).toEqual(['superseded', 'deployed', 'failed']);
    await helm.ok(`rollback fleet 1 -n ${namespace} --wait --timeout 30s`);
    const after = await cluster.client.get(deployments, at('fleet'));
    expect(after.spec.template.metadata?.annotations).toBeUndefined();
    expect(after.status).toMatchObject({ readyReplicas: 2, replicas: 2 });
    expect((await cluster.client.get(configmaps, at('fleet'))).data).toMatchObject({ harbour: 'Bergen' });
    expect((await cluster.client.get(secrets, at('fleet-crew'))).type).toBe('Opaque');
    await expect(cluster.client.get(horizontalpodautoscalers, at('fleet'))).rejects.toMatchObject({
      reason: 'NotFound',
    });
    expect((await history()).at(-1)).toMatchObject({ revision: 4, status: 'deployed', chart: 'fleet-1.0.0' });
  });

  it('refuses in the words of the server', async () => {
    const said = await helm.refused(`upgrade fleet fleet -n ${namespace} --set replicas=-1`);
    expect(said).toContain('must be greater than or equal to');
  });

  it('takes away what it made, and leaves the definitions', async () => {
    await helm.ok(`uninstall fleet -n ${namespace} --wait --timeout 30s`);
    await expect(cluster.client.get(deployments, at('fleet'))).rejects.toMatchObject({ reason: 'NotFound' });
    await expect(cluster.client.get(ships, at('fleet'))).rejects.toMatchObject({ reason: 'NotFound' });
    await cluster.client.get(customresourcedefinitions, { name: 'ships.fleet.example.com' });
    expect(await helm.ok(`list -n ${namespace} -q`)).toBe('');
  });
});
