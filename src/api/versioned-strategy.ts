import { sameWords, type VersionConversion } from './conversion.ts';
import type { KubeObject } from './resource.ts';
import { schema } from './schema/schema.ts';
import type { Strategy } from './strategy.ts';
import { cloneJson } from './meta/json.ts';

/**
 * The behaviour of a kind, for its objects in another version: it is written once, for the stored one. Errors name the
 * fields of that version, as Kubernetes' do. `type`: the version's own in the schema.
 */
export function versionedStrategy(strategy: Strategy, conversion: VersionConversion, type: string): Strategy {
  if (conversion === sameWords) return strategy;
  const { toStored } = conversion;
  const { cells, validate, validateCreate, validateUpdate, validateStatusUpdate, warnings, rowConditions } = strategy;
  const { prepareForCreate, prepareForUpdate, prepareForStatusUpdate, markDeleted } = strategy;
  const edit = (object: KubeObject, change: (stored: KubeObject) => void): void => {
    const stored = cloneJson(toStored(object));
    change(stored);
    become(object, schema.codecFor(type).decode(conversion.fromStored(stored)).object as KubeObject);
  };
  return {
    ...strategy,
    // The stored version's own: they are filled in when it is stored.
    setDefaults: () => {},
    ...(cells && { cells: (object, nowMs) => cells(toStored(object), nowMs) }),
    ...(rowConditions && { rowConditions: (object) => rowConditions(toStored(object)) }),
    ...(warnings && { warnings: (object) => warnings(toStored(object)) }),
    ...(validate && { validate: (object) => validate(toStored(object)) }),
    ...(validateCreate && { validateCreate: (object) => validateCreate(toStored(object)) }),
    ...(validateUpdate && { validateUpdate: (object, old) => validateUpdate(toStored(object), toStored(old)) }),
    ...(validateStatusUpdate && {
      validateStatusUpdate: (object, old) => validateStatusUpdate(toStored(object), toStored(old)),
    }),
    ...(prepareForCreate && { prepareForCreate: (object) => edit(object, prepareForCreate) }),
    ...(markDeleted && { markDeleted: (object, now) => edit(object, (stored) => markDeleted(stored, now)) }),
    prepareForUpdate(object, old) {
      const before = toStored(old);
      edit(object, (stored) => {
        keep(stored, before, (member) => member === 'status');
        prepareForUpdate?.(stored, before);
      });
    },
    prepareForStatusUpdate(object, old) {
      const before = toStored(old);
      edit(object, (stored) => {
        keep(stored, before, (member) => !['kind', 'apiVersion', 'metadata', 'status'].includes(member));
        prepareForStatusUpdate?.(stored, before);
      });
    },
  };
}

/** Takes members from the object before: what a version keeps in annotations is spec or status all the same. */
function keep(object: KubeObject, before: KubeObject, isKept: (member: string) => boolean): void {
  const [next, old] = [object, before] as unknown as Record<string, unknown>[];
  for (const member of new Set([...Object.keys(next ?? {}), ...Object.keys(old ?? {})]))
    if (next && old && isKept(member)) next[member] = old[member];
}

function become(object: KubeObject, other: KubeObject): void {
  for (const member of Object.keys(object)) delete (object as unknown as Record<string, unknown>)[member];
  Object.assign(object, other);
}
