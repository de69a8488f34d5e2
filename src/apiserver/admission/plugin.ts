import type { StatusError } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { Rng } from '../../base/rng.ts';
import type { UserInfo } from '../authn/user-info.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import { forbiddenObject } from '../authz/forbidden.ts';
import type { Endpoint } from '../endpoint.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { Verb } from '../request.ts';

export type AdmissionVerb = 'create' | 'update' | 'delete' | 'connect';

/** A write on its way to the store, as a plugin sees it. */
export interface AdmissionContext<T extends KubeObject = KubeObject> {
  readonly verb: AdmissionVerb;
  /** As it was authorized: a `patch` is an `update`, too. */
  readonly requestVerb: Verb;
  readonly group: string;
  readonly endpoint: Endpoint;
  /** The endpoints that serve the same objects in their versions, itself among them. */
  versionsOf(endpoint: Endpoint): Endpoint[];
  /** Plural name without the group. */
  readonly resource: string;
  readonly subresource: string;
  /** Empty for resources without one. */
  readonly namespace: string;
  /** Empty while the server has not yet made a name from `generateName`. */
  readonly name: string;
  /** The writer's own copy, to be changed in `admit` only; absent for delete and connect. */
  readonly object: T | undefined;
  /** Frozen; absent for create. */
  readonly old: Readonly<T> | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly read: ObjectReader;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly rng: Rng;
  /** A warning for the client. */
  warn(text: string): void;
  /** A remark for the audit log. */
  annotate(key: string, value: string): void;
}

type Step<T extends KubeObject> = (context: AdmissionContext<T>) => void | Promise<void>;

/**
 * One admission plugin. `admit` may change the object, `validate` may only refuse (both by throwing `StatusError`). They are
 * synchronous wherever they can be: a write without asynchronous plugins is decided in one turn.
 */
export interface AdmissionPlugin<T extends KubeObject = KubeObject> {
  /** As in `--enable-admission-plugins`. */
  readonly name: string;
  readonly verbs: readonly AdmissionVerb[];
  /** `pods`, `pods/status`, `ingresses.networking.k8s.io`; `*`: all, subresources included. */
  readonly resources: readonly string[];
  readonly admit?: Step<T>;
  readonly validate?: Step<T>;
}

/** Gives a plugin its object type; `plugins.ts` lists them. */
export const definePlugin = <T extends KubeObject>(plugin: AdmissionPlugin<T>): AdmissionPlugin =>
  plugin as unknown as AdmissionPlugin;

/** 403 for the object of the request, named as far as it has a name. */
export function refused(context: AdmissionContext, why: string): StatusError {
  const name = context.name || context.object?.metadata.name || context.object?.metadata.generateName || 'Unknown';
  return forbiddenObject({ group: context.group, resource: context.resource }, name, why);
}
