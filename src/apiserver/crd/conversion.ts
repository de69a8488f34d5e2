import type { KubeObject } from '../../api/resource.ts';

/** Carries objects from the version they are in to another version of their kind. */
export interface Conversion {
  /** `version`: `group/version`. In order; synchronous wherever nobody has to be asked. */
  convert(objects: KubeObject[], version: string): KubeObject[] | Promise<KubeObject[]>;
}

/** All versions say the same: only the version itself changes. */
export const noConversion: Conversion = {
  convert: (objects, version) => objects.map((object) => ({ ...object, apiVersion: version })),
};
