import type { CustomResourceColumnDefinition } from '../generated/types.ts';
import { age, name, since } from '../meta/columns.ts';
import { goText } from '../meta/json.ts';
import { compileJsonPath, type JsonPath, JsonPathError } from '../meta/json-path.ts';
import type { KubeObject } from '../resource.ts';
import type { Cell } from '../strategy.ts';

/** The printer cells of a custom resource: its name, then what the columns' paths reach. */
export function customCells(
  columns: readonly CustomResourceColumnDefinition[] | undefined,
): (object: Readonly<KubeObject>, nowMs: number) => Cell[] {
  if (!columns?.length) return (object, nowMs) => [name(object, nowMs), age(object, nowMs)];
  const paths = columns.map(({ jsonPath, type }) => ({ type, path: compiled(jsonPath) }));
  return (object, nowMs) => [
    name(object, nowMs),
    ...paths.map(({ type, path }) => {
      const [value] = path(object);
      return value === undefined ? null : cell(type, value, nowMs);
    }),
  ];
}

/** A path that cannot be read reaches nothing. */
function compiled(path: string): JsonPath {
  try {
    return compileJsonPath(path);
  } catch (error) {
    if (error instanceof JsonPathError) return () => [];
    throw error;
  }
}

function cell(type: string, value: unknown, nowMs: number): Cell {
  switch (type) {
    case 'string':
      return goText(value);
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? ageText(value, nowMs) : null;
    default:
      return null;
  }
}

const ageText = (value: string, nowMs: number): string =>
  Number.isNaN(Date.parse(value)) ? '<invalid>' : since(value, nowMs);
