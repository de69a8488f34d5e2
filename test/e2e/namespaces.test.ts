import { beforeAll, describe, expect, it } from 'vitest';
import type { Namespace } from '../../src/api/generated/types.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { listOf, pod, service, sh } from './manifests.ts';
import { until } from './until.ts';

let kubectl: Kubectl;

beforeAll(async () => {
  kubectl = await kubectlIn('namespaces');
  const held = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'held', finalizers: ['example.com/hold'] },
  };
  const objects = [
    held,
    service('web', { ports: [{ port: 80 }] }),
    pod('running', { containers: [sh('c', 'sleep 3600')] }),
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'secret' } },
  ];
  await kubectl.ok(['apply', '-f', '-'], { input: listOf(objects) });
  await kubectl.ok(['create', 'deployment', 'web', '--image=knarr.local/demo:1', '--replicas=2']);
  await kubectl.ok(['rollout', 'status', 'deploy/web', '--timeout=60s']);
});

describe('a namespace that is deleted', () => {
  it('takes all that is in it along, and says what it waits for', async () => {
    await kubectl.ok(['delete', 'namespace', 'namespaces', '--wait=false']);
    const waiting = await until<Namespace>(kubectl, 'ns/namespaces', ({ status }) =>
      Boolean(
        status?.conditions?.some(
          ({ type, message }) =>
            type === 'NamespaceFinalizersRemaining' &&
            message ===
              'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
        ),
      ),
    );
    expect(waiting.status?.phase).toBe('Terminating');
    expect(await kubectl.ok(['get', 'namespace', 'namespaces', '--no-headers'])).toMatch(/^namespaces +Terminating /);
    await kubectl.ok(['wait', '--for=delete', 'pods', '--all', '--timeout=60s']);
    expect(await kubectl.ok(['get', 'pods,services,secrets,deployments,replicasets,configmaps', '-o', 'name'])).toBe(
      'configmap/held\n',
    );
  });

  it('takes nothing in', async () => {
    const { code, stderr } = await kubectl(['create', 'configmap', 'late']);
    expect(code).toBe(1);
    expect(stderr).toBe(
      'error: failed to create configmap: configmaps "late" is forbidden: unable to create new content in namespace namespaces because it is being terminated\n',
    );
  });

  it('is gone when the last finalizer is', async () => {
    await kubectl.ok(['patch', 'cm', 'held', '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
    await kubectl.ok(['wait', '--for=delete', 'namespace/namespaces', '--timeout=60s']);
    expect((await kubectl(['get', 'namespace', 'namespaces'])).stderr).toBe(
      'Error from server (NotFound): namespaces "namespaces" not found\n',
    );
  });
});
