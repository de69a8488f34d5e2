import type { PersistentVolumeClaim, Pod, Service } from '../generated/types.ts';
import type { KubeObject } from '../resource.ts';
import { type Amounts, one, raiseTo, readAmounts, whole } from './amounts.ts';
import { podUsage } from './pod-amounts.ts';

/** Kinds that are counted under their plain name too, as they were before `count/`. */
const countedPlainly = new Set([
  'configmaps',
  'secrets',
  'replicationcontrollers',
  'resourcequotas',
  'services',
  'persistentvolumeclaims',
]);

/** What an object of a resource (`pods`, `deployments.apps`) uses of the quotas of its namespace. */
export function usageOf(resource: string, object: KubeObject): Amounts {
  if (resource === 'pods') return podUsage(object as Pod);
  const usage: Amounts = { [`count/${resource}`]: one };
  if (countedPlainly.has(resource)) usage[resource] = one;
  if (resource === 'services') Object.assign(usage, serviceUsage(object as Service));
  if (resource === 'persistentvolumeclaims') Object.assign(usage, claimUsage(object as PersistentVolumeClaim));
  return usage;
}

function serviceUsage({ spec }: Service): Amounts {
  const ports = spec.ports?.length ?? 0;
  if (spec.type === 'NodePort') return { 'services.nodeports': whole(ports) };
  if (spec.type !== 'LoadBalancer') return {};
  const nodePorts = spec.allocateLoadBalancerNodePorts === false ? 0 : ports;
  return { 'services.loadbalancers': one, 'services.nodeports': whole(nodePorts) };
}

function claimUsage({ spec, status, metadata }: PersistentVolumeClaim): Amounts {
  const storage: Amounts = {};
  for (const list of [spec.resources?.requests, status?.allocatedResources]) {
    const { storage: asked } = readAmounts(list);
    if (asked) raiseTo(storage, { 'requests.storage': asked });
  }
  const asked = storage['requests.storage'];
  const usage: Amounts = asked ? { 'requests.storage': asked } : {};
  const className = spec.storageClassName || metadata.annotations?.['volume.beta.kubernetes.io/storage-class'];
  if (!className) return usage;
  const prefix = `${className}.storageclass.storage.k8s.io`;
  usage[`${prefix}/persistentvolumeclaims`] = one;
  if (asked) usage[`${prefix}/requests.storage`] = asked;
  return usage;
}
