import type { KubeObject } from './resource.ts';

/**
 * How a version of a kind that is not stored says what the stored one says. Both functions give objects of their own and
 * leave what they get as it is; kind and apiVersion, order and empty members are seen to by the caller. What only one of the
 * two can say must survive there and back (annotations, where Kubernetes uses them).
 */
export interface VersionConversion {
  toStored(object: KubeObject): KubeObject;
  fromStored(object: KubeObject): KubeObject;
}

/** Gives a conversion its types; `conversions.ts` lists them. */
export const defineConversion = <Other extends KubeObject, Stored extends KubeObject>(conversion: {
  toStored(object: Readonly<Other>): Stored;
  fromStored(object: Readonly<Stored>): Other;
}): VersionConversion => conversion as unknown as VersionConversion;

/** Both say the same in the same words. */
export const sameWords: VersionConversion = { toStored: (object) => object, fromStored: (object) => object };
