import type { Deployment, EndpointSlice, Job, Node, Pod, ReplicaSet, Service } from '../../api/generated/types.ts';
import type { KubeObject } from '../../api/resource.ts';

/** All objects at one instant. */
export interface Observation {
  pods: readonly Pod[];
  nodes: readonly Node[];
  deployments: readonly Deployment[];
  replicaSets: readonly ReplicaSet[];
  jobs: readonly Job[];
  services: readonly Service[];
  endpointSlices: readonly EndpointSlice[];
  /** Every object there is, of whatever kind. */
  all: readonly KubeObject[];
}

/** What must be true whatever happens. A check answers with what is wrong, one line each; nothing when all is well. */
export interface Invariant {
  /** A short sentence. */
  name: string;
  /** At each instant. */
  always?(seen: Observation): string[];
  /** When the world has come to rest: no faults, all nodes up, nothing left to do. */
  atRest?(seen: Observation): string[];
  /** Of all changes in their order; what it remembers is of one run. */
  follow?(): (change: Change) => string[];
  /** Of a world at rest that was left alone for a while. */
  afterRest?(before: Observation, after: Observation): string[];
}

/** An object came, changed or went. */
export interface Change {
  /** `deployments.apps` */
  resource: string;
  before: KubeObject | undefined;
  now: KubeObject | undefined;
  /** Nothing has happened so far that takes pods away: no node failed, nobody deleted any, no fault. */
  isCalm: boolean;
}

export const isEnded = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';
export const isActive = (pod: Pod): boolean => !isEnded(pod) && !pod.metadata.deletionTimestamp;
export const controllerUid = ({ metadata }: KubeObject): string | undefined =>
  metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
export const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
