/** A field of a struct type. Short keys as in the fact tables: see `facts/` and `schema/README.md`. */
export interface FieldSchema {
  /** JSON name; empty with `i`: the struct is embedded, its fields are inlined. */
  n: string;
  /** Type: a scalar name, a key of the table, `[]T`, `map[string]T`. */
  t: string;
  /** The named type behind `t` (where an enum is declared). */
  a?: string;
  /** Required. */
  r?: 1;
  /** omitempty, omitzero; without them the member is always written (null for nil). */
  om?: 1;
  oz?: 1;
  i?: 1;
  /** Pointer: nil-able. */
  ptr?: 1;
  str?: 1;
  /** patchStrategy and patchMergeKey of strategic merge. */
  ps?: string;
  pk?: string;
  /** listType, listMapKeys, mapType, structType of server-side apply. */
  lt?: 'atomic' | 'set' | 'map';
  lk?: string[];
  mt?: 'atomic' | 'granular';
  st?: 'atomic' | 'granular';
  /** Default declared in the type. */
  d?: unknown;
  nullable?: 1;
  pn?: number;
  pt?: string;
  px?: string;
  m?: string[];
}

export interface TypeSchema {
  /** `struct`, or the scalar, array or map behind a named type. */
  k: string;
  gvk?: [string, string, string];
  f?: FieldSchema[];
  enum?: string[];
  values?: string[];
  st?: 'atomic';
  /** The type of a stored version that this one does not differ from. */
  same?: string;
}

export type SchemaTable = Record<string, TypeSchema>;
