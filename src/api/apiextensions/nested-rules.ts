import { forbidden, required } from '../meta/field-error.ts';
import { equalJson } from '../meta/json.ts';
import type { FieldError } from '../meta/status-error.ts';
import { isIntOrString, itemsOf, type Structural } from '../structural/schema.ts';

/** What a schema inside of an alternative must not say, with what it must be instead. */
const outsideOnly: [keyof Structural, string][] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
];

const intOrString: Structural[] = [{ type: 'integer' }, { type: 'string' }];

/** The alternatives of a structural schema: they narrow, and speak only of what the schema has outside of them. */
export function validateNested(schema: Structural, path: string): FieldError[] {
  return alternativesOf(schema, path).flatMap(({ part, at }) => [
    ...nested(part, at),
    ...complete(part, schema, { at, outside: path }),
  ]);
}

interface Alternative {
  part: Structural;
  at: string;
}

function alternativesOf(schema: Structural, path: string): Alternative[] {
  const listed = (name: 'allOf' | 'anyOf' | 'oneOf'): Alternative[] =>
    (schema[name] ?? []).map((part, i) => ({ part, at: `${path}.${name}[${i}]` }));
  const either = isIntOrString(schema) && equalJson(schema.anyOf, intOrString);
  const firstEither = isIntOrString(schema) && equalJson(schema.allOf?.[0]?.anyOf, intOrString);
  return [
    ...listed('allOf').slice(firstEither ? 1 : 0),
    // An integer or a text: the one place where alternatives may say types.
    ...(either ? [] : listed('anyOf')),
    ...listed('oneOf'),
    ...(schema.not ? [{ part: schema.not, at: `${path}.not` }] : []),
  ];
}

function nested(part: Structural, path: string): FieldError[] {
  const items = itemsOf(part);
  return [
    ...alternativesOf(part, path).flatMap((inner) => nested(inner.part, inner.at)),
    ...(items ? nested(items, `${path}.items`) : []),
    ...Object.entries(part.properties ?? {}).flatMap(([name, property]) =>
      nested(property, `${path}.properties[${name}]`),
    ),
    ...outsideOnly
      .filter(([name]) => part[name] !== undefined && part[name] !== '' && part[name] !== false)
      .map(([name, text]) => forbidden(`${path}.${name}`, text)),
    ...(part.properties?.metadata
      ? [forbidden(`${path}.properties[metadata]`, 'must not be specified in a nested context')]
      : []),
  ];
}

/** Every field and list that an alternative speaks of is specified outside. */
function complete(
  part: Structural,
  outside: Structural | undefined,
  paths: { at: string; outside: string },
): FieldError[] {
  const items = itemsOf(part);
  const errors = Object.entries(part.properties ?? {}).flatMap(([name, property]) => {
    const below = { at: `${paths.at}.properties[${name}]`, outside: `${paths.outside}.properties[${name}]` };
    const known = outside?.properties?.[name];
    return known ? complete(property, known, below) : [required(below.outside, `because it is defined in ${below.at}`)];
  });
  if (items) {
    const below = { at: `${paths.at}.items`, outside: `${paths.outside}.items` };
    const known = itemsOf(outside);
    if (known) errors.push(...complete(items, known, below));
    else errors.push(required(below.outside, `because it is defined in ${below.at}`));
  }
  const inner = alternativesOf(part, paths.at);
  return [...errors, ...inner.flatMap(({ part: p, at }) => complete(p, outside, { ...paths, at }))];
}
