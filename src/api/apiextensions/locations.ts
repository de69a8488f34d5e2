import type { CustomResourceDefinitionSpec, CustomResourceDefinitionVersion } from '../generated/types.ts';
import { equalJson } from '../meta/json.ts';

type Part = 'schema' | 'subresources' | 'additionalPrinterColumns' | 'selectableFields';

/** The names of the parts of a version where they stand for all versions together. */
const sharedNames: Record<Part, string> = {
  schema: 'validation',
  subresources: 'subresources',
  additionalPrinterColumns: 'additionalPrinterColumns',
  selectableFields: 'selectableFields',
};

/** A part of one version, or of all of them where they say the same, with the path by which errors name it. */
export interface Located<P extends Part> {
  value: NonNullable<CustomResourceDefinitionVersion[P]>;
  path: string;
}

/**
 * Where a part of the versions is. Kubernetes keeps what all versions have in common in one place, and names that place in
 * errors: `spec.validation` for a schema that every version has.
 */
export function locate<P extends Part>(spec: CustomResourceDefinitionSpec, part: P): Located<P>[] {
  const [first, ...rest] = spec.versions;
  const value = first?.[part];
  if (value !== undefined && value !== null && rest.every((version) => equalJson(version[part], value))) {
    return [{ value: value as Located<P>['value'], path: `spec.${sharedNames[part]}` }];
  }
  return spec.versions.flatMap((version, i) => {
    const own = version[part];
    return own === undefined || own === null
      ? []
      : [{ value: own as Located<P>['value'], path: `spec.versions[${i}].${part}` }];
  });
}
