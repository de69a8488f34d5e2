import { describe, expect, it } from 'vitest';
import type { Container, Pod } from '../api/generated/types.ts';
import { type AdmissionContext, admit } from './admission.ts';
import { containerSecurityContext } from './config/security-context.ts';
import { sandboxConfig } from './config/sandbox-config.ts';

const node = { metadata: { name: 'n' }, spec: {}, status: { allocatable: { cpu: '1', pods: '9' } } };
const podOf = (container: Partial<Container> = {}, annotations?: Record<string, string>): Pod => ({
  metadata: { name: 'p', namespace: 'ns', uid: 'u', ...(annotations ? { annotations } : {}) },
  spec: { containers: [{ name: 'c', ...container }] },
  status: {},
});
const why = (pod: Pod, context: Partial<AdmissionContext> = {}) => admit(pod, node, { others: [], ...context });
const confined = { securityContext: { appArmorProfile: { type: 'RuntimeDefault' as const } } };

describe('AppArmor', () => {
  const annotation = (profile: string) => ({ 'container.apparmor.security.beta.kubernetes.io/c': profile });
  const given = (pod: Pod) =>
    containerSecurityContext(pod, pod.spec.containers[0] as Container, { image: {} }).apparmor;

  it('confines a container as its field says, else as the annotation of before', () => {
    expect(given(podOf())).toBeUndefined();
    expect(given(podOf(confined))).toEqual({ profileType: 'RuntimeDefault' });
    const local = { securityContext: { appArmorProfile: { type: 'Localhost' as const, localhostProfile: 'mine' } } };
    expect(given(podOf(local))).toEqual({ profileType: 'Localhost', localhostRef: 'mine' });
    expect(given(podOf({}, annotation('localhost/mine')))).toEqual({ profileType: 'Localhost', localhostRef: 'mine' });
    expect(given(podOf({}, annotation('runtime/default')))).toEqual({ profileType: 'RuntimeDefault' });
    expect(given(podOf(confined, annotation('unconfined')))).toEqual({ profileType: 'RuntimeDefault' });
  });

  it('is not asked of a node that has none', () => {
    expect(why(podOf(confined))).toEqual({
      reason: 'AppArmor',
      message: 'Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host',
    });
    expect(why(podOf(confined), { hasAppArmor: true })).toBeUndefined();
    expect(why(podOf({}, annotation('unconfined')))).toBeUndefined();
    expect(why(podOf({ securityContext: { ...confined.securityContext, privileged: true } }))).toBeUndefined();
  });
});

describe('a node', () => {
  it('that goes down takes no pod', () => {
    expect(why(podOf(), { isShuttingDown: true })).toEqual({
      reason: 'NodeShutdown',
      message: 'Pod was rejected as the node is shutting down.',
    });
  });

  it('takes what fits beside what it has', () => {
    const half = podOf({ resources: { requests: { cpu: '600m' } } });
    expect(why(half)).toBeUndefined();
    expect(why(half, { others: [half] })).toEqual({
      reason: 'OutOfcpu',
      message: `Pod was rejected: Node didn't have enough resource: cpu, requested: 600, used: 600, capacity: 1000`,
    });
  });

  it('does not run a pod as its own root that was promised otherwise', () => {
    const pod = podOf();
    pod.spec.hostUsers = false;
    const around = { logDirectory: '', cgroupParent: '', dns: {}, clusterDomain: 'cluster.local' };
    expect(() => sandboxConfig(pod, 0, around)).toThrow('does not support user namespaces');
  });
});
