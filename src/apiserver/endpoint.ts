import type { Kind, Subresource } from '../api/kind.ts';
import type { StatusError } from '../api/meta/status-error.ts';
import type { ObjectType } from '../api/object-type.ts';
import type { KubeObject } from '../api/resource.ts';
import type { Strategy } from '../api/strategy.ts';
import type { ApiContext } from './context.ts';
import type { Representation } from './representation.ts';
import type { Answer, ApiRequest } from './request.ts';

/** A field selector's label and where its value is. */
export interface FieldPath {
  label: string;
  /** What the value is called in the header of stored versions. */
  key: string;
  path: string[];
  boolean: boolean;
}

/** Where an object keeps what its `scale` subresource shows. */
export interface ScaleFields {
  replicas(object: KubeObject): number;
  /** Changes the object, which is the caller's own. */
  setReplicas(object: KubeObject, replicas: number): void;
  statusReplicas(object: KubeObject): number;
  /** In the query syntax; empty for none. */
  selector(object: KubeObject): string;
}

/**
 * Everything the verbs need to know of a served resource in one version. Built-in and custom resources differ here and
 * nowhere else.
 */
export interface Endpoint {
  kind: Kind;
  /** `pods`, `deployments.apps`: its name in the store, which it shares with other versions of the same objects. */
  resource: string;
  type: ObjectType;
  strategy: Strategy;
  subresources: Map<string, Subresource>;
  representation: Representation;
  /** What `fieldSelector` may ask for, besides name and namespace. */
  fieldPaths: FieldPath[];
  /** The values that a stored object has in its header. */
  storedFields: FieldPath[];
  /**
   * Every stored version has the values of `fieldPaths` in its header, so that watchers can be found by them. Otherwise they
   * are those of the version that is served.
   */
  fieldsIndexed: boolean;
  scale: ScaleFields;
  /** `true`: answers deletions with the deleted object instead of a Status. */
  returnsDeleted: boolean;
  /** Items of a list say kind and apiVersion themselves. */
  itemsAreTyped: boolean;
  /** Said with every answer: the version is deprecated. */
  warning?: string;
  /** How it says no to what it does not have. */
  unknownField(label: string): StatusError;
  unknownSubresource(name: string): StatusError;
  /** Answers instead of the store: nothing of it is stored. */
  answers?: (context: ApiContext, request: ApiRequest) => Promise<Answer>;
  /** Aborted when the endpoint gives way to another or to none: its watches end. */
  lifetime?: AbortSignal;
}
