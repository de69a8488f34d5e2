import { conversionOf, inVersion } from './conversions.ts';
import { sameWords } from './conversion.ts';
import type { Kind } from './kind.ts';
import type { OtherVersion } from './meta/fields/model.ts';
import { shapeOf } from './meta/fields/shape.ts';
import { groupVersion, type KubeObject } from './resource.ts';
import { schema } from './schema/schema.ts';
import { allVersions, goneVersions, storedName } from './served-versions.ts';

const hasOwnWords = (kind: Kind): boolean => (conversionOf(kind) ?? sameWords) !== sameWords;

/** Finds the other version of a kind by its name; undefined where there is none, or it says the same in the same words. */
export function otherVersions(kind: Kind): (apiVersion: string) => OtherVersion | undefined {
  const others = [...allVersions, ...goneVersions].filter((one) => storedName(one) === storedName(kind));
  const found = new Map(
    others
      .filter((other) => conversionOf(other) !== conversionOf(kind) && (hasOwnWords(other) || hasOwnWords(kind)))
      .map((other) => [groupVersion(other), otherVersion(kind, other)]),
  );
  return (apiVersion) => found.get(apiVersion);
}

function otherVersion(kind: Kind, other: Kind): OtherVersion {
  const normal = (at: Kind, object: object): KubeObject => schema.codecFor(at.type).decode(object).object as KubeObject;
  const carry = (object: object, from: Kind, to: Kind) => normal(to, inVersion(normal(from, object), from, to));
  return {
    shape: shapeOf(schema, other.type),
    to: (object) => carry(object, kind, other),
    from: (object) => carry(object, other, kind),
  };
}
