/** What the bench writes. */

const filler = (bytes: number): string => 'x'.repeat(bytes);

/** 1.3 KB as it is stored. */
export const configMap = (name: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', labels: { app: 'bench' } },
    data: { text: filler(830) },
  });

/** 1.7 KB as it is stored: 20,000 are 34 MB. */
export const largeConfigMap = (name: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'kube-public', labels: { app: 'bench' } },
    data: { text: filler(1280) },
  });

const env = (template: number) =>
  Array.from({ length: 8 }, (_, i) => ({ name: `SETTING_${i}`, value: `value ${i} of template ${template}` }));

/**
 * 4 KB as it is stored, ownership included: one of 1,000 templates, as a ReplicaSet makes pods of it. The scheduler is told
 * to leave it alone: what is measured is a server that has many pods, not one that looks for 100,000 nodes.
 */
export function pod(number: number): string {
  const template = number % 1000;
  const app = `app-${template}`;
  const probe = { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 10 };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${app}-${number}`,
      namespace: 'default',
      labels: { app, 'pod-template-hash': `${template}abc` },
      annotations: { 'example.com/template': `template ${template}`, 'example.com/note': filler(200) },
    },
    spec: {
      schedulerName: 'bench',
      containers: [
        {
          name: 'main',
          image: `registry.example.com/${app}:1.0`,
          env: env(template),
          ports: [{ containerPort: 8080 }],
          resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
          readinessProbe: probe,
          livenessProbe: probe,
        },
      ],
    },
  });
}

export const lease = (name: string): string =>
  JSON.stringify({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'kube-node-lease' },
    spec: { holderIdentity: name, leaseDurationSeconds: 40 },
  });

export const renewal = (turn: number): string =>
  JSON.stringify({ spec: { renewTime: `2026-01-01T00:00:00.${String(turn).padStart(6, '0')}Z` } });

export const event = (node: string, number: number): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${node}.${number.toString(16)}`, namespace: 'default' },
    involvedObject: {
      kind: 'Pod',
      namespace: 'default',
      name: `pod-${number}`,
      uid: `uid-${number}`,
      apiVersion: 'v1',
    },
    reason: 'Pulled',
    message: 'Container image "registry.example.com/app:1.0" already present on machine',
    source: { component: 'kubelet', host: node },
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:00Z',
    count: 1,
    type: 'Normal',
  });
