import type { Conversion } from '../versioned-representation.ts';

/** All versions say the same: only the version itself changes. */
export const noConversion: Conversion = {
  convert: (objects, version) => objects.map((object) => ({ ...object, apiVersion: version })),
};
