import type { CustomResourceDefinitionVersion } from '../generated/types.ts';
import { equalJson } from '../meta/json.ts';
import type { FieldError } from '../meta/status-error.ts';
import type { KubeObject } from '../resource.ts';
import type { Strategy } from '../strategy.ts';
import { customCells } from './cells.ts';
import { validateEmbedded } from './embedded.ts';
import { validateListTypes } from './list-types.ts';
import { validateScale } from './scale.ts';
import type { Structural } from './schema.ts';
import { compileValidation } from './validate.ts';
import { noPath } from './verdict.ts';

/** The `x-kubernetes-validations` of a schema. */
export interface SchemaRules {
  /** `old`: the object before an update. */
  check(object: KubeObject, old: KubeObject | undefined): FieldError[];
}

/** How custom resources of one version are checked and shown. */
export function customStrategy(
  schema: Structural,
  version: CustomResourceDefinitionVersion,
  rules: SchemaRules | undefined,
): Strategy {
  const validate = compileValidation(schema);
  const { scale } = version.subresources ?? {};

  function errorsOf(object: KubeObject, old: KubeObject | undefined): FieldError[] {
    const errors = [
      ...validate(object, old && { value: old }),
      ...validateScale(scale, object),
      ...validateEmbedded(schema, object),
      ...newDuplicates(object, old),
    ];
    if (!rules) return errors;
    return errors.some(isBlocking) ? [...errors, notChecked] : [...errors, ...rules.check(object, old)];
  }

  /** Lists that were wrong before may stay so. */
  function newDuplicates(object: KubeObject, old: KubeObject | undefined): FieldError[] {
    const found = validateListTypes(schema, object);
    if (found.length === 0 || !old) return found;
    return equalJson(object, old) || validateListTypes(schema, old).length > 0 ? [] : found;
  }

  return {
    validateCreate: (object) => errorsOf(object, undefined),
    validateUpdate: errorsOf,
    validateStatusUpdate: errorsOf,
    cells: customCells(version.additionalPrinterColumns),
  };
}

/** Errors after which expressions could not be trusted to see what they were written for. */
const blocking = new Set([
  'FieldValueRequired',
  'FieldValueTypeInvalid',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueNotSupported',
]);
const isBlocking = ({ type }: FieldError): boolean => blocking.has(type);

const notChecked: FieldError = {
  type: 'FieldValueInvalid',
  field: noPath,
  message:
    'Invalid value: "null": some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
};
