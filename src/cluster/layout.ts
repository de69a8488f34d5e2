import { join } from 'node:path';

/** Names end in names of links and namespaces, so they are short. */
export const clusterNamePattern = /^[a-z]([-a-z0-9]{0,10}[a-z0-9])?$/;

/** What a cluster is called, where it lives and which addresses it has; everything else follows from these. */
export interface ClusterIdentity {
  name: string;
  /** Number of the cluster on this machine: picks its networks and its port. */
  index: number;
  /** Folder of all clusters. */
  home: string;
}

/** Files and addresses of one cluster on this machine. Nothing of it is anywhere else. */
export interface ClusterLayout extends ClusterIdentity {
  dir: string;
  /** `cluster.json`: the identity, written once. */
  identityFile: string;
  pkiDir: string;
  stateDir: string;
  logDir: string;
  runDir: string;
  kubeconfig: string;
  /** The join token of the first node. */
  tokenFile: string;
  imageCacheDir: string;
  serviceCidr: string;
  podCidr: string;
  fabricCidr: string;
  /** The host's address on the fabric: where nodes find the API server. */
  hostAddress: string;
  kubernetesServiceIp: string;
  dnsServiceIp: string;
  apiPort: number;
  apiUrl: string;
}

export const clusterDomain = 'cluster.local';
export const defaultClusterName = 'knarr';
/** The networks of this many clusters fit beside each other. */
export const maxClusters = 16;

/** Addresses by index: see docs/addresses in ARCHITECTURE.md. */
export function layoutOf(identity: ClusterIdentity): ClusterLayout {
  const { name, index, home } = identity;
  const dir = join(home, name);
  const services = `10.${96 + index}.0`;
  const fabric = `172.30.${index}`;
  const apiPort = 6443 + index;
  return {
    ...identity,
    dir,
    identityFile: join(dir, 'cluster.json'),
    pkiDir: join(dir, 'pki'),
    stateDir: join(dir, 'state'),
    logDir: join(dir, 'log'),
    runDir: join(dir, 'run'),
    kubeconfig: join(dir, 'admin.kubeconfig'),
    tokenFile: join(dir, 'join-token'),
    imageCacheDir: join(home, 'images'),
    serviceCidr: `${services}.0/16`,
    podCidr: `10.${244 - index}.0.0/16`,
    fabricCidr: `${fabric}.0/24`,
    hostAddress: `${fabric}.254`,
    kubernetesServiceIp: `${services}.1`,
    dnsServiceIp: `${services}.10`,
    apiPort,
    apiUrl: `https://${fabric}.254:${apiPort}`,
  };
}

export const nodeDir = (layout: ClusterLayout, node: string): string => join(layout.dir, 'nodes', node);
