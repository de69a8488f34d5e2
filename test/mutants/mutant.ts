/** A bug that is planted on purpose, and the test that must notice it. */
export interface Mutant {
  /** What goes wrong, in a few words. */
  bug: string;
  /** From the root of the checkout. */
  file: string;
  /** Stands in the file exactly once. */
  find: string;
  replace: string;
  /** The file of the test, and its full name or the part of it that vitest's `-t` takes. */
  test: { file: string; name: string };
}
