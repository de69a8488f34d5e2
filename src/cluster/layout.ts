import { join } from 'node:path';
import type { ServingOptions } from '../api/served-versions.ts';
import { type EtcdPlace, etcdPlaceOf } from './etcd/etcd-place.ts';
import { layoutOf as networkLayoutOf, type NetworkLayout } from './network/layout.ts';

/** Names end in names of links and namespaces, so they are short. */
export const clusterNamePattern = /^[a-z]([-a-z0-9]{0,10}[a-z0-9])?$/;

/** What a machine whose server has joined remembers of the others. */
export interface Joined {
  /** The address of the machine on which the first nodes are, in networks of their own. */
  machine: string;
  /** Client URLs of the members of etcd that it has met. */
  members: string[];
}

/** What a cluster is called, where it lives and which addresses it has; everything else follows from these. */
export interface ClusterIdentity {
  name: string;
  /** Number of the cluster on this machine: picks its networks and its port. */
  index: number;
  /** Folder of all clusters. */
  home: string;
  /** An address of this machine by which others reach the API server; absent: only this machine does. */
  advertise?: string | undefined;
  /** Which versions of the built-in kinds it serves, where that is not what it does by itself. */
  serving?: ServingOptions | undefined;
  /** Its state is in an etcd of which this machine runs a member, so that servers on other machines can join. */
  hasEtcd?: boolean | undefined;
  /** Its server here has joined those of other machines. */
  joined?: Joined | undefined;
}

/** Files and addresses of one cluster on this machine. Nothing of it is anywhere else. */
export interface ClusterLayout extends ClusterIdentity {
  dir: string;
  /** `cluster.json`: the identity, written once. */
  identityFile: string;
  pkiDir: string;
  /** Files of a person that say how the server is to behave: `server/server-files.ts`. */
  configDir: string;
  stateDir: string;
  logDir: string;
  runDir: string;
  kubeconfig: string;
  /** The join token of the first node. */
  tokenFile: string;
  imageCacheDir: string;
  /** Where the network's addresses are remembered. */
  networkFile: string;
  network: NetworkLayout;
  /** There in clusters that have a registry. */
  registryDir: string;
  /** Where nodes reach it; this machine also at the same port of 127.0.0.1. */
  registry: { host: string; port: number };
  apiPort: number;
  /** As this machine and its nodes reach it. */
  apiUrl: string;
  /** As other machines reach it. */
  advertisedUrl?: string;
  /** This machine's member of the etcd that holds the state. */
  etcd?: EtcdPlace;
}

export const clusterDomain = 'cluster.local';
export const defaultClusterName = 'knarr';
/** The cluster's context in a kubeconfig: `knarr`, or `knarr-NAME`. */
export const contextNameOf = (cluster: string): string =>
  cluster === defaultClusterName ? defaultClusterName : `${defaultClusterName}-${cluster}`;
/** The networks of this many clusters fit beside each other. */
export const maxClusters = 16;

/** Everything about a cluster that follows from its identity. */
export function layoutOf(identity: ClusterIdentity): ClusterLayout {
  const { name, index, home, advertise, joined } = identity;
  const dir = join(home, name);
  const virtual = networkLayoutOf({ name, index, nodes: [] });
  // A machine that has joined has no nodes in namespaces: it is reached by the address that it has anyway.
  const network = joined && advertise ? { ...virtual, hostAddress: advertise } : virtual;
  const apiPort = 6443 + index;
  return {
    ...identity,
    dir,
    identityFile: join(dir, 'cluster.json'),
    pkiDir: join(dir, 'pki'),
    configDir: join(dir, 'config'),
    stateDir: join(dir, 'state'),
    logDir: join(dir, 'log'),
    runDir: join(dir, 'run'),
    kubeconfig: join(dir, 'admin.kubeconfig'),
    tokenFile: join(dir, 'join-token'),
    imageCacheDir: join(home, 'images'),
    networkFile: join(dir, 'network.json'),
    network,
    registryDir: join(dir, 'registry'),
    // 5000 is what the service of Debian's package listens on, where systemd runs it.
    registry: { host: virtual.hostAddress, port: 5001 + index },
    apiPort,
    apiUrl: `https://${network.hostAddress}:${apiPort}`,
    advertisedUrl: advertise ? `https://${advertise}:${apiPort}` : undefined,
    etcd: identity.hasEtcd && advertise ? etcdPlaceOf({ dir, index, address: advertise }) : undefined,
  };
}

export const nodeDir = (layout: ClusterLayout, node: string): string => join(layout.dir, 'nodes', node);
/** In which all of a node's containers are; by its name in the cluster, as the cluster is called on this machine. */
export const nodeCgroup = (cluster: string, node: string): string => `/knarr-${cluster}/${node}`;
