import type { FieldModel } from './meta/fields/model.ts';
import type { KubeObject } from './resource.ts';
import type { Now } from './schema/defaults.ts';

/** What the verbs need to know of the objects of one kind in one version, built in or defined by a custom resource. */
export interface ObjectType {
  /**
   * A body as an object of the type: its kind and version checked, values in their normal form, members that the type does
   * not have dropped and named. The result is the caller's own. Throws `StatusError` BadRequest.
   */
  decode(body: unknown): { object: KubeObject; unknown: string[] };
  /** Fills in what a writer left out. Takes the object over. `now`: of who writes it. */
  defaults(object: KubeObject, now?: Now): KubeObject;
  readonly fields: FieldModel;
  /** Undefined: strategic merge patches are not spoken. */
  readonly mergeStrategically: ((old: object, patch: Record<string, unknown>) => object) | undefined;
  /** How OpenAPI shows a type that the schema table does not have. */
  readonly published?: PublishedType;
}

/** JSON schemas of a type in OpenAPI 2 and 3, whose references are the names of types of the table. */
export interface PublishedType {
  v2: object;
  v3: object;
  /** Types of the table that the schemas refer to. */
  refersTo: string[];
}
