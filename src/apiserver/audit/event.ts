import type { Status, UserInfo as ApiUserInfo } from '../../api/generated/types.ts';
import type { KubeObject } from '../../api/resource.ts';
import { type Attributes, isResource } from '../authz/attributes.ts';
import type { UserInfo } from '../authn/user-info.ts';
import type { Level, Stage } from './policy.ts';

/** audit.k8s.io/v1 Event. */
export interface AuditEvent {
  kind: 'Event';
  apiVersion: 'audit.k8s.io/v1';
  level: Level;
  auditID: string;
  stage: Stage;
  requestURI: string;
  verb: string;
  user: ApiUserInfo;
  impersonatedUser?: ApiUserInfo;
  authenticationMetadata?: { impersonationConstraint?: string };
  sourceIPs: string[];
  userAgent?: string;
  objectRef?: ObjectReference;
  responseStatus?: Partial<Status>;
  requestObject?: unknown;
  responseObject?: unknown;
  requestReceivedTimestamp: string;
  stageTimestamp: string;
  annotations?: Record<string, string>;
}

interface ObjectReference {
  resource?: string;
  namespace?: string;
  name?: string;
  uid?: string;
  apiGroup?: string;
  apiVersion?: string;
  resourceVersion?: string;
  subresource?: string;
}

/** What is known of a request when it arrives. */
export interface AuditedRequest {
  auditId: string;
  uri: string;
  /** Who sent it. */
  user: UserInfo;
  attributes: Attributes;
  sourceIPs: string[];
  userAgent: string;
}

/** metav1.MicroTime. */
export const microTime = (ms: number): string => new Date(ms).toISOString().replace(/Z$/, '000Z');

export const apiUser = ({ name, uid, groups, extra }: UserInfo): ApiUserInfo => ({
  username: name,
  ...(uid ? { uid } : {}),
  groups: [...groups],
  ...(extra ? { extra: extra as Record<string, string[]> } : {}),
});

/** What a request is about, completed by the object that it sends. */
export function objectReference(attributes: Attributes, sent?: KubeObject): ObjectReference | undefined {
  if (!isResource(attributes)) return undefined;
  const { resource, subresource, group, version, namespace, name } = attributes;
  const metadata = sent?.metadata as Partial<KubeObject['metadata']> | undefined;
  const reference: ObjectReference = {
    resource,
    namespace: namespace || metadata?.namespace,
    name: name || metadata?.name,
    uid: metadata?.uid,
    apiGroup: group,
    apiVersion: version,
    resourceVersion: metadata?.resourceVersion,
    subresource,
  };
  return Object.fromEntries(Object.entries(reference).filter(([, value]) => value));
}

/** An object, or each of a list, without what is only of interest to those who write it. */
export function withoutManagedFields(object: unknown): unknown {
  if (typeof object !== 'object' || object === null) return object;
  const { metadata, items, ...rest } = object as { metadata?: { managedFields?: unknown }; items?: unknown[] };
  const { managedFields: _, ...kept } = metadata ?? {};
  return {
    ...rest,
    ...(metadata ? { metadata: kept } : {}),
    ...(Array.isArray(items) ? { items: items.map(withoutManagedFields) } : {}),
  };
}
