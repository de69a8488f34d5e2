import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyDefaults, defaultsTable } from './defaults.ts';
import { pullPolicyOf } from './defaults-pod.ts';
import { schema } from './schema.ts';

type Json = Record<string, unknown>;
interface Recorded {
  name: string;
  type: string;
  request: Json;
  response: Json;
}

/** Requests and answers recorded from a real API server (1.20), without status, server-owned metadata and token volumes. */
const recorded = readFileSync(join(import.meta.dirname, 'testdata/defaults.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded);

/** What later releases added, and what admission or the registry (not defaulting) filled in. */
const exceptions: Record<string, string[]> = {
  Pod: [
    'metadata.name',
    'spec.serviceAccountName',
    'spec.serviceAccount',
    'spec.tolerations',
    'spec.priority',
    'spec.preemptionPolicy',
  ],
  Service: [
    'spec.internalTrafficPolicy',
    'spec.allocateLoadBalancerNodePorts',
    'spec.clusterIP',
    'spec.clusterIPs',
    'spec.healthCheckNodePort',
    'spec.ports.0.nodePort',
    'spec.ports.1.nodePort',
  ],
  PersistentVolumeClaim: ['metadata.finalizers'],
  PersistentVolume: ['metadata.finalizers'],
  StatefulSet: ['spec.persistentVolumeClaimRetentionPolicy'],
  DaemonSet: ['metadata.annotations', 'spec.updateStrategy.rollingUpdate.maxSurge'],
  Job: [
    'metadata.labels',
    'spec.manualSelector',
    'spec.template.metadata.labels',
    'spec.completionMode',
    'spec.suspend',
    'spec.podReplacementPolicy',
    'spec.selector',
  ],
  Namespace: ['metadata.labels', 'spec.finalizers'],
  Node: ['spec.taints'],
  CSIDriver: ['spec.storageCapacity', 'spec.requiresRepublish', 'spec.seLinuxMount'],
};

function without(object: Json, path: string): void {
  const steps = path.split('.');
  let at: Json | undefined = object;
  for (const step of steps.slice(0, -1)) at = at?.[step] as Json | undefined;
  if (at) delete at[steps.at(-1) as string];
}

const decoded = (type: string, value: unknown): Json =>
  applyDefaults(type, schema.codecFor(type).decode(value).object) as Json;

describe('defaults against a recorded API server', () => {
  it.each(recorded.map((r) => [r.name, r] as const))('%s', (_name, { type, request, response }) => {
    const ours = decoded(type, request);
    const theirs = structuredClone(response);
    for (const path of ['status', ...(exceptions[type.split('.').at(-1) as string] ?? [])]) {
      without(ours, path);
      without(theirs, path);
    }
    expect(JSON.stringify(ours)).toBe(JSON.stringify(theirs));
  });
});

describe('defaults', () => {
  it('names only types of the schema', () => {
    for (const type of Object.keys(defaultsTable)) expect(schema.type(type), type).toBeDefined();
  });

  it('changes nothing the second time', () => {
    for (const { type, request } of recorded) {
      const once = decoded(type, request);
      const text = JSON.stringify(once);
      expect(JSON.stringify(decoded(type, structuredClone(once)))).toBe(text);
    }
  });

  it('knows moving tags', () => {
    const images = ['a', 'a:latest', 'r:5000/a', 'a:1', 'r:5000/a:1', 'a@sha256:0', 'a:latest@sha256:0'];
    expect(images.map(pullPolicyOf)).toEqual([
      'Always',
      'Always',
      'Always',
      'IfNotPresent',
      'IfNotPresent',
      'IfNotPresent',
      'Always',
    ]);
  });

  it('gives certificates of pods a day', () => {
    const spec = (given: object) =>
      decoded('io.k8s.api.certificates.v1beta1.PodCertificateRequest', { spec: given }).spec;
    expect(spec({})).toMatchObject({ maxExpirationSeconds: 86_400 });
    expect(spec({ maxExpirationSeconds: 3600 })).toMatchObject({ maxExpirationSeconds: 3600 });
  });

  it('fills newer Job, HPA and LimitRange members', () => {
    const job = decoded('io.k8s.api.batch.v1.Job', {
      spec: { template: { metadata: { labels: { a: 'b' } } }, backoffLimitPerIndex: 1 },
    });
    expect(job.metadata).toEqual({ labels: { a: 'b' } });
    expect(job.spec).toMatchObject({
      completions: 1,
      parallelism: 1,
      backoffLimit: 2147483647,
      podReplacementPolicy: 'TerminatingOrFailed',
    });
    const hpa = decoded('io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler', {
      spec: {
        scaleTargetRef: { kind: 'Deployment', name: 'x' },
        maxReplicas: 3,
        behavior: { scaleUp: { selectPolicy: 'Min' } },
      },
    });
    expect(hpa.spec).toMatchObject({
      minReplicas: 1,
      metrics: [{ resource: { name: 'cpu', target: { averageUtilization: 80 } } }],
      behavior: { scaleUp: { selectPolicy: 'Min', stabilizationWindowSeconds: 0 }, scaleDown: { selectPolicy: 'Max' } },
    });
    const limits = [{ type: 'Container', max: { cpu: '2' }, min: { memory: '1Mi' } }];
    expect((decoded('io.k8s.api.core.v1.LimitRange', { spec: { limits } }).spec as Json).limits).toEqual([
      {
        type: 'Container',
        max: { cpu: '2' },
        min: { memory: '1Mi' },
        default: { cpu: '2' },
        defaultRequest: { cpu: '2', memory: '1Mi' },
      },
    ]);
  });

  it('has a device be tainted from now on, in every version, where something is written', () => {
    const tainted = (version: string, now?: () => string) => {
      const type = `io.k8s.api.resource.${version}.DeviceTaintRule`;
      const rule = { spec: { taint: { key: 'a', effect: 'NoExecute' } } };
      return applyDefaults(type, schema.codecFor(type).decode(rule).object, now);
    };
    const now = () => '2026-01-02T03:04:05Z';
    const taint = { key: 'a', effect: 'NoExecute', timeAdded: now() };
    expect(tainted('v1beta2', now)).toMatchObject({ spec: { taint } });
    expect(tainted('v1alpha3', now)).toMatchObject({ spec: { taint } });
    expect(tainted('v1beta2')).not.toHaveProperty('spec.taint.timeAdded');
  });

  it('has a variable of a file be there', () => {
    const fileKeyRef = { volumeName: 'v', path: 'p', key: 'k' };
    const containers = [{ name: 'c', image: 'i:1', env: [{ name: 'A', valueFrom: { fileKeyRef } }] }];
    const pod = decoded('io.k8s.api.core.v1.Pod', { spec: { containers } });
    const env = [{ name: 'A', valueFrom: { fileKeyRef: { ...fileKeyRef, optional: false } } }];
    expect(pod).toMatchObject({ spec: { containers: [{ env }] } });
  });

  it('rounds amounts of resources up to thousandths', () => {
    const containers = [{ name: 'c', image: 'i:1', resources: { limits: { cpu: '1u', memory: '1500m' } } }];
    const pod = decoded('io.k8s.api.core.v1.Pod', { spec: { containers } });
    expect(pod).toMatchObject({ spec: { containers: [{ resources: { requests: { cpu: '1m', memory: '1500m' } } }] } });
  });
});
