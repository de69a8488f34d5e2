import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../src/api/generated/types.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { listOf, service, sh } from './manifests.ts';
import { until } from './until.ts';

let kubectl: Kubectl;
const claimOf = (name: string) => kubectl.object<PersistentVolumeClaim>('pvc', name);
const say = (pod: string, script: string) => kubectl.ok(['exec', pod, '--', 'sh', '-c', script]);

/** Writes what it finds and its own name, so that a later pod of the set sees who was there before. */
const journal = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'journal' },
  spec: {
    replicas: 2,
    serviceName: 'journal',
    selector: { matchLabels: { app: 'journal' } },
    template: {
      metadata: { labels: { app: 'journal' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        securityContext: { fsGroup: 4242 },
        containers: [
          sh('main', 'echo "$HOSTNAME $(cat /proc/sys/kernel/random/uuid)" >> /data/journal; exec sleep 3600', {
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          }),
        ],
      },
    },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '64Mi' } } },
      },
    ],
  },
};

beforeAll(async () => {
  kubectl = await kubectlIn('storage');
  const headless = service('journal', { clusterIP: 'None', selector: { app: 'journal' }, ports: [{ port: 80 }] });
  await kubectl.ok(['apply', '-f', '-'], { input: listOf([headless, journal]) });
  await kubectl.ok(['rollout', 'status', 'statefulset/journal', '--timeout=60s']);
  return async () => {
    await kubectl.ok(['delete', 'namespace', 'storage', '--wait=false']);
  };
});

describe('a claim of no class', () => {
  it('waits for its pod, then gets a folder on the disk of the pod’s node', async () => {
    const claim = await claimOf('data-journal-0');
    expect(claim.metadata.annotations).toMatchObject({ 'volume.kubernetes.io/selected-node': 'node1' });
    expect(claim).toMatchObject({
      spec: { storageClassName: 'local-path', volumeName: `pvc-${claim.metadata.uid}` },
      status: { phase: 'Bound', capacity: { storage: '64Mi' } },
    });
    expect(await say('journal-0', 'stat -c "%g %a" /data; cat /data/journal')).toMatch(/^4242 2777\njournal-0 \S+\n$/);
  });

  it('keeps its data when the pod is replaced, each replica its own', async () => {
    const { metadata } = await kubectl.object<Pod>('pod', 'journal-1');
    await kubectl.ok(['delete', 'pod', 'journal-1']);
    await kubectl.ok(['wait', '--for=create', 'pod/journal-1', '--timeout=60s']);
    await until<Pod>(kubectl, 'pod/journal-1', (pod) => pod.metadata.uid !== metadata.uid && isReady(pod));
    const lines = (await say('journal-1', 'cat /data/journal')).trim().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['journal-1', 'journal-1']);
    expect((await say('journal-0', 'cat /data/journal')).trim().split('\n')).toHaveLength(1);
  });

  it('grows when it asks for more', async () => {
    const spec = { resources: { requests: { storage: '128Mi' } } };
    await kubectl.ok(['patch', 'pvc', 'data-journal-0', '-p', JSON.stringify({ spec })]);
    await until<PersistentVolumeClaim>(
      kubectl,
      'pvc/data-journal-0',
      ({ status }) => status?.capacity?.['storage'] === '128Mi',
    );
  });

  it('is protected while a pod uses it; then volume and data go', async () => {
    const name = (await claimOf('data-journal-1')).spec.volumeName ?? '';
    const { spec } = await kubectl.object<PersistentVolume>('pv', name);
    expect(spec).toMatchObject({ persistentVolumeReclaimPolicy: 'Delete', csi: { volumeHandle: name } });
    const folder = await folderOf(name);
    expect(await readFile(join(folder, 'journal'), 'utf8')).toContain('journal-1');
    await kubectl.ok(['delete', 'pvc', 'data-journal-1', '--wait=false']);
    expect((await claimOf('data-journal-1')).metadata.finalizers).toContain('kubernetes.io/pvc-protection');
    await kubectl.ok(['scale', 'statefulset', 'journal', '--replicas=1']);
    await kubectl.ok(['wait', '--for=delete', `pv/${name}`, '--timeout=60s']);
    await expect(readdir(folder)).rejects.toThrow('ENOENT');
  });
});

const isReady = ({ status }: Pod): boolean =>
  status.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True') === true;

/** Where the node keeps the data of a volume: seen in the mounts of the container. */
async function folderOf(volume: string): Promise<string> {
  const root = (await say('journal-1', "grep ' /data ' /proc/self/mountinfo")).split(' ')[3] ?? '';
  expect(root).toMatch(new RegExp(`/local-path/${volume}$`));
  return root;
}
