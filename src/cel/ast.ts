/** Where a part of an expression begins: an offset in its text. */
export interface At {
  at: number;
}

export type Literal = bigint | number | string | boolean | null | Uint8Array | Uint;

/** An unsigned integer; signed ones are `bigint`. */
export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** The parts of an expression. Macros are expanded while parsing. */
export type Expr = At &
  (
    | { op: 'literal'; value: Literal }
    | { op: 'ident'; name: string }
    | { op: 'select'; object: Expr; field: string; optional: boolean }
    /** `has(object.field)`. */
    | { op: 'has'; object: Expr; field: string; optional: boolean }
    | { op: 'call'; name: string; target: Expr | undefined; args: Expr[] }
    | { op: 'list'; items: { value: Expr; optional: boolean }[] }
    | { op: 'map'; entries: { key: Expr; value: Expr; optional: boolean }[] }
    | { op: 'struct'; name: string; fields: { field: string; value: Expr; optional: boolean }[] }
    | { op: 'and' | 'or'; left: Expr; right: Expr }
    | { op: 'if'; condition: Expr; yes: Expr; no: Expr }
    | { op: 'loop'; loop: Loop }
    /** `cel.bind(name, value, body)`, optMap and optFlatMap. */
    | { op: 'bind'; name: string; value: Expr; body: Expr }
    | { op: 'optMap'; name: string; value: Expr; body: Expr; flat: boolean }
  );

export type LoopKind =
  | 'all'
  | 'exists'
  | 'exists_one'
  | 'map'
  | 'filter'
  | 'transformList'
  | 'transformMap'
  | 'transformMapEntry';

/** What goes through a list or map: `range.all(first, body)`, `range.all(first, second, body)`. */
export interface Loop {
  kind: LoopKind;
  range: Expr;
  first: string;
  second: string | undefined;
  /** Only elements for which it is true (map with three arguments, transformList). */
  condition: Expr | undefined;
  body: Expr;
}
