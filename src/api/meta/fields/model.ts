import type { KubeObject } from '../../resource.ts';
import type { Schema } from '../../schema/schema.ts';
import { type Shape, shapeOf } from './shape.ts';
import { checkConfig } from './validate.ts';

/** What ownership and apply need to know of the objects of one type, wherever the type comes from. */
export interface FieldModel {
  readonly shape: Shape;
  /** The version that a configuration must name; undefined: any. */
  readonly apiVersion: string | undefined;
  /** An object before anything is set: what is in it is there without anybody's doing. Shared: read only. */
  empty(): object;
  /** The same objects in another version, where that has other words; undefined: in the same ones. */
  inVersion?(apiVersion: string): OtherVersion | undefined;
  /** Throws a 500 in Kubernetes' words for a configuration that does not fit the type. */
  check(config: KubeObject): void;
}

/** What a field set of another version is about. */
export interface OtherVersion {
  shape: Shape;
  /** An object of the model's version in the other one. */
  to(object: object): KubeObject;
  from(object: object): KubeObject;
}

/** The model of a type of the schema; of a name that the schema does not have, everything is deduced. */
export function fieldModel(schema: Schema, type: string): FieldModel {
  const known = schema.type(type);
  const [group, version] = known?.gvk ?? [];
  let empty: object | undefined;
  return {
    shape: shapeOf(schema, type),
    apiVersion: group ? `${group}/${version}` : version,
    empty: () => {
      // What Go writes for an object that says nothing.
      empty ??= known ? (schema.codecFor(type).decode({}).object as object) : {};
      return empty;
    },
    check: (config) => checkConfig(schema, type, config),
  };
}
