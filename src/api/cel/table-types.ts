import { schemaTable } from '../generated/schema.ts';
import * as t from '../../cel/types.ts';
import type { Field, ObjectType, Type } from '../../cel/types.ts';
import { escapeName } from './declared.ts';

/** What the tables' scalars are in expressions; what is not here may be of several types. */
const scalars: Record<string, Type> = {
  string: t.string,
  boolean: t.bool,
  int: t.int,
  int32: t.int,
  int64: t.int,
  uint: t.int,
  uint8: t.int,
  uint32: t.int,
  uint64: t.int,
  float: t.double,
  double: t.double,
  bytes: t.bytes,
  time: t.timestamp,
  microtime: t.timestamp,
  duration: t.string,
};

/** The declared type of a built-in kind, by its name in the schema table: fields are looked up when they are asked for. */
export function builtInCelType(name: string, shown = name): Type {
  const scalar = scalars[name];
  if (scalar) return scalar;
  if (name.startsWith('[]')) return t.list(builtInCelType(name.slice(2), `${shown}.@idx`));
  const [, value] = /^map\[[^\]]+\](.+)$/.exec(name) ?? [];
  if (value) return t.map(t.string, builtInCelType(value, `${shown}.@elem`));
  const known = schemaTable[name];
  if (!known) return t.dyn;
  return known.k === 'struct' ? structType(name, shown) : builtInCelType(known.k, shown);
}

function structType(name: string, shown: string): ObjectType {
  let fields: ReadonlyMap<string, Field> | undefined;
  const field = (wanted: string): Field | undefined => {
    fields ??= new Map(fieldsOf(name, shown));
    return fields.get(wanted);
  };
  return { kind: 'object', name: shown, field };
}

/** Fields of embedded structs are the struct's own. */
function fieldsOf(name: string, shown: string): [string, Field][] {
  return (schemaTable[name]?.f ?? []).flatMap(({ n, t: type, i }): [string, Field][] => {
    if (i && n === '') return fieldsOf(type, shown);
    const escaped = escapeName(n);
    return escaped ? [[escaped, { type: builtInCelType(type, `${shown}.${escaped}`), member: n }]] : [];
  });
}
