import type { Deployment, Secret, Service } from '../../api/generated/types.ts';
import type { Manifest } from '../../api/resource.ts';
import { fnv1a } from '../../base/hash.ts';
import type { Pieces } from '../../base/pieces.ts';
import { configurationDir, healthPort, proxyImage, renderHaproxy, versionFile } from '../../ingress/haproxy.ts';
import type { ProxyModel } from '../../ingress/model.ts';

/** Everything of the proxies is here: what they hold are keys of all namespaces. */
export const proxyNamespace = 'kube-system';

/** Which of the controllers has made it. */
export const madeByLabel = 'ingress.knarr.dev/made-by';
const nameLabel = 'app.kubernetes.io/name';
/** What it was made from: where that is the same, nothing is written. */
const sourceAnnotation = 'ingress.knarr.dev/source-hash';

/** One proxy: its name is that of all its objects. */
export interface Proxy {
  name: string;
  madeBy: string;
  model: ProxyModel;
  /** An address that is asked for; the next free one of the pool when absent. */
  address?: string | undefined;
}

/** A Secret with what it does, a Deployment that does it, a Service with its address. */
export interface ProxyObjects {
  secret: Manifest<Secret>;
  deployment: Manifest<Deployment>;
  service: Manifest<Service>;
}

type Annotated = { metadata: { annotations?: Record<string, string> } };

export const isOfSameSource = (a: Annotated, b: Annotated): boolean =>
  a.metadata.annotations?.[sourceAnnotation] === b.metadata.annotations?.[sourceAnnotation];

/** What a Secret may hold, in bytes (core/v1 MaxSecretSize). */
const largestSecret = 1024 * 1024;

export const isTooLarge = ({ data = {} }: Manifest<Secret>): boolean =>
  Object.values(data ?? {}).reduce((sum, text) => sum + Buffer.byteLength(text ?? '', 'base64'), 0) > largestSecret;

export function* proxyObjects({ name, madeBy, model, address }: Proxy): Pieces<ProxyObjects> {
  const labels = { [nameLabel]: name, [madeByLabel]: madeBy };
  const files = yield* renderHaproxy(model, { dir: configurationDir });
  yield;
  const data = Object.fromEntries(
    Object.entries(files).map(([file, text]) => [file, Buffer.from(text).toString('base64')]),
  );
  yield;
  const made = <T extends object>(object: T, source = fnv1a(JSON.stringify(object)).toString(16)) => {
    const annotations = { [sourceAnnotation]: source };
    return { metadata: { namespace: proxyNamespace, name, labels, annotations }, ...object };
  };
  const ports = model.ports.map(({ port }) => ({ name: `port-${port}`, port, targetPort: port }));
  return {
    // Its version is a hash of all files.
    secret: made({ type: 'Opaque', data }, files[versionFile]),
    deployment: made({ spec: deploymentSpec(name, labels) }),
    service: made({
      spec: {
        type: 'LoadBalancer',
        selector: { [nameLabel]: name },
        ports,
        // The proxy sees who asks, and passes it on.
        externalTrafficPolicy: 'Local',
        allocateLoadBalancerNodePorts: false,
        loadBalancerIP: address,
      } as const,
    }),
  };
}

const deploymentSpec = (name: string, labels: Record<string, string>): Deployment['spec'] => ({
  selector: { matchLabels: { [nameLabel]: name } },
  template: {
    metadata: { name: '', labels },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      priorityClassName: 'system-cluster-critical',
      // Ports below 1024 are everybody's in a pod of containerd.
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65_532,
        runAsGroup: 65_532,
        fsGroup: 65_532,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'kubernetes.io/hostname',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: { [nameLabel]: name } },
        },
      ],
      containers: [
        {
          name: 'haproxy',
          image: proxyImage,
          imagePullPolicy: 'IfNotPresent',
          resources: { requests: { cpu: '10m', memory: '32Mi' } },
          readinessProbe: { httpGet: { path: '/', port: healthPort }, periodSeconds: 5 },
          // Nodes hear that it goes before it stops to listen.
          lifecycle: { preStop: { sleep: { seconds: 3 } } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: [{ name: 'configuration', mountPath: configurationDir, readOnly: true }],
        },
      ],
      volumes: [{ name: 'configuration', secret: { secretName: name, defaultMode: 0o440 } }],
    },
  },
});
