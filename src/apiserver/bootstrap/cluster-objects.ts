import type { NetworkFacts } from './network-objects.ts';
import { stringify } from 'yaml';
import { frontProxyName } from '../../pki/cluster-pki.ts';
import { requestHeaderNames } from '../authn/request-header.ts';
import { bootstrapPolicy } from '../../api/generated/rbac.ts';
import {
  configmaps,
  endpoints,
  endpointslices,
  namespaces,
  priorityclasses,
  servicecidrs,
  services,
} from '../../api/generated/resources.ts';
import { type BootstrapObject, bootstrapObject } from './bootstrap-object.ts';

export interface ClusterFacts extends NetworkFacts {
  caPem: string;
  /** Whose certificates may say who asks; without it, nobody's. */
  frontProxyCaPem?: string;
  /** The URL that nodes and people reach the server by. */
  serverUrl: string;
  /** Address and port behind the `kubernetes` service: where the pods' connections go. Never a loopback address. */
  endpointAddress: string;
  endpointPort: number;
  /** The first address of `serviceCidr`. */
  serviceAddress: string;
}

export const namespaceObjects = (): BootstrapObject[] =>
  ['kube-system', 'kube-public', 'kube-node-lease', 'default'].map((name) =>
    bootstrapObject(namespaces, 'create', {
      metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
      spec: { finalizers: ['kubernetes'] },
    }),
  );

export const priorityClassObjects = (): BootstrapObject[] =>
  bootstrapPolicy.priorityClasses.map(({ name, value, globalDefault, description }) =>
    bootstrapObject(priorityclasses, 'create', {
      metadata: { name },
      value,
      globalDefault,
      preemptionPolicy: 'PreemptLowerPriority',
      description: description ?? '',
    }),
  );

/** The `kubernetes` service in `default`: how pods reach this server. */
export function serviceObjects(facts: ClusterFacts): BootstrapObject[] {
  const metadata = { name: 'kubernetes', namespace: 'default' };
  const port = { name: 'https', port: facts.endpointPort, protocol: 'TCP' };
  return [
    bootstrapObject(servicecidrs, 'create', { metadata: { name: 'kubernetes' }, spec: { cidrs: [facts.serviceCidr] } }),
    bootstrapObject(services, 'create', {
      metadata: { ...metadata, labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: {
        type: 'ClusterIP',
        clusterIP: facts.serviceAddress,
        clusterIPs: [facts.serviceAddress],
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        sessionAffinity: 'None',
        ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: facts.endpointPort }],
      },
    }),
    // Whoever serves keeps them: see ../identity.
    bootstrapObject(endpoints, 'create', {
      metadata: { ...metadata, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
      subsets: [{ addresses: [{ ip: facts.endpointAddress }], ports: [port] }],
    }),
    bootstrapObject(endpointslices, 'create', {
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [facts.endpointAddress], conditions: { ready: true } }],
      ports: [port],
    }),
  ];
}

/** What others need to trust this server: aggregated API servers its client CA, joining nodes its own. */
export const trustObjects = (facts: ClusterFacts): BootstrapObject[] => [
  bootstrapObject(configmaps, 'own', {
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data: { 'client-ca-file': facts.caPem, ...requestHeaders(facts) },
  }),
  // Tokens for joining sign it there.
  bootstrapObject(configmaps, 'data', {
    metadata: { name: 'cluster-info', namespace: 'kube-public' },
    data: { kubeconfig: clusterInfo(facts) },
  }),
];

function requestHeaders({ frontProxyCaPem }: ClusterFacts): Record<string, string> {
  if (!frontProxyCaPem) return {};
  const names = { ...requestHeaderNames, 'requestheader-allowed-names': [frontProxyName] };
  const lists = Object.entries(names).map(([key, list]) => [key, JSON.stringify(list)]);
  return { 'requestheader-client-ca-file': frontProxyCaPem, ...Object.fromEntries(lists) };
}

/** A kubeconfig that names the cluster and no user. */
const clusterInfo = ({ caPem, serverUrl }: ClusterFacts): string => {
  const cluster = { 'certificate-authority-data': Buffer.from(caPem).toString('base64'), server: serverUrl };
  return stringify(
    {
      apiVersion: 'v1',
      clusters: [{ cluster, name: '' }],
      contexts: null,
      'current-context': '',
      kind: 'Config',
      preferences: {},
      users: null,
    },
    { lineWidth: 0 },
  );
};
