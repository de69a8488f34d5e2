/** Short forms for the objects that the tests make. */
export const busybox = 'knarr.local/busybox:1';
export const demo = 'knarr.local/demo:1';

/** A container that runs a shell script. */
export const sh = (name: string, script: string, more: object = {}) => ({
  name,
  image: busybox,
  command: ['sh', '-c', script],
  ...more,
});

/** This machine's root, for containers that run its Node. */
export const machine = { name: 'machine', hostPath: { path: '/' } };

/** A container that runs a script of Node's: the machine's own, on the pod's network. Its pod has the volume `machine`. */
export const nodeScript = (name: string, script: string, more: object = {}) => ({
  name,
  image: busybox,
  command: ['chroot', '/machine', process.execPath, '-e', script],
  volumeMounts: [{ name: 'machine', mountPath: '/machine', readOnly: true }],
  ...more,
});

/** A pod that ends quickly when it is deleted. */
export const pod = (name: string, spec: object, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { terminationGracePeriodSeconds: 1, ...spec },
});

export const service = (name: string, spec: object) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec,
});

/** Pods labelled `app`, and that alone. */
export const deployment = (name: string, replicas: number, spec: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec },
  },
});

/** Demo web servers: each answers `/` on port 8080 with its pod's name. */
export const webDeployment = (name: string, replicas: number) =>
  deployment(name, replicas, {
    containers: [
      {
        name: 'c',
        image: demo,
        readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 },
        // Until every node has heard that it goes.
        lifecycle: { preStop: { sleep: { seconds: 3 } } },
      },
    ],
  });

/** Variables that come from the pod, and from what its container asked for. */
export const fieldEnv = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
export const resourceEnv = (name: string, resource: string, divisor: string) => ({
  name,
  valueFrom: { resourceFieldRef: { resource, divisor } },
});

/** Objects as one document for `kubectl apply -f -`. */
export const listOf = (items: object[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
