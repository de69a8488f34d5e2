import type { FieldError } from './meta/status-error.ts';
import type { KubeObject } from './resource.ts';

/** A cell of a printer column. */
export type Cell = string | number | boolean | null;

/**
 * What the tables cannot say of a kind. Every member is optional: a kind without behaviour of its own has no strategy.
 * Objects handed in are the writer's own copy and may be changed, except `old` and what `cells` gets, which are frozen.
 * The registry does what is true for all kinds (identity, generation, status reset, managed fields, metadata rules).
 */
export interface Strategy<T extends KubeObject = KubeObject> {
  /** Since which minor release the whole kind is deprecated, and what to use instead: every request is warned. */
  deprecated?: { since: string; replacement?: string };
  /** Defaults that `schema/defaults.ts` cannot express as rules. Runs after those, on every decode. */
  setDefaults?(object: T): void;
  /** Defaults of the status ask what the spec is: a patched status is decoded together with it. */
  fillsStatusBySpec?: boolean;
  /** A creator may say what the status is (kubelets register with one); of other kinds it starts empty. */
  keepsStatusOnCreate?: boolean;
  /** Clears what a creator may not set, fills what the server owns. */
  prepareForCreate?(object: T): void;
  /** Keeps what an update may not change (beyond status/spec separation, which the registry does). */
  prepareForUpdate?(object: T, old: Readonly<T>): void;
  prepareForStatusUpdate?(object: T, old: Readonly<T>): void;
  /** Keeps what a write through another subresource may not change, by the subresource's name. */
  prepareThrough?: Readonly<Record<string, (object: T, old: Readonly<T>) => void>>;
  /** Marks an object that is deleted, where that is not what it is for other kinds. `now` is RFC 3339 in seconds. */
  markDeleted?(object: T, now: string): void;
  /** Rules of the spec; metadata, required fields and enums are checked before. */
  validate?(object: T): FieldError[];
  /** Rules that hold only when an object is made; run after `validate`. */
  validateCreate?(object: T): FieldError[];
  validateUpdate?(object: T, old: Readonly<T>): FieldError[];
  validateStatusUpdate?(object: T, old: Readonly<T>): FieldError[];
  /** Rules of writes through another subresource, by its name; run after `validate`. */
  validateThrough?: Readonly<Record<string, (object: T, old: Readonly<T>) => FieldError[]>>;
  /** For writes through `/finalize`, in place of `validate`. */
  validateFinalize?(object: T): FieldError[];
  /** Warnings for the writer (the `Warning` header). */
  warnings?(object: T): string[];
  /** The printer cells, in the order of the kind's columns. `nowMs` is for ages. */
  cells?(object: Readonly<T>, nowMs: number): Cell[];
  /** Table rows of this kind carry conditions such as Completed (a finished pod is hidden by some clients). */
  rowConditions?(object: Readonly<T>): { type: string; status: string; reason: string; message: string }[];
}

/** Gives a strategy its object type; `kinds.ts` lists them. */
export const defineStrategy = <T extends KubeObject>(strategy: Strategy<T>): Strategy =>
  strategy as unknown as Strategy;
