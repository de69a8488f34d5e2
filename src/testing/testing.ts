/** What `import … from 'knarr/testing'` gives. */
export type * from '../api/generated/types.ts';
export * as resources from '../api/generated/resources.ts';
export { StatusError, isAlreadyExists, isConflict, isNotFound } from '../api/meta/status-error.ts';
export type { KubeObject, List, Manifest, ObjectKey, Resource } from '../api/resource.ts';
export type { Duration } from '../base/duration.ts';
export type { Client, ListOptions, WatchEvent, WatchOptions, WriteOptions } from '../client/client.ts';
export type { Informer, InformerHandler, InformerOptions } from '../client/informer.ts';
export type { ActiveFault, Fault } from '../simulation/faults.ts';
export type { Behaviour, BehaviourMatch, Span } from '../simulation/hollow/behaviour.ts';
export { builtInBehaviours } from '../simulation/hollow/behaviours.ts';
export type { Component } from '../simulation/component.ts';
export { Cluster, type ClusterSnapshot, type Identity, type SettleOptions } from './cluster.ts';
export type { Manifests } from './manifests.ts';
export type { ServingOptions } from '../api/served-versions.ts';
export type { ClusterOptions, NodeOptions, WaitOptions } from './options.ts';
export { startCluster } from './start-cluster.ts';
export { WaitError } from './wait-error.ts';
