interface Named {
  metadata: { name: string; namespace?: string };
}

/** Objects of one kind, by `namespace/name` or `name`; every change is told: what is now, and what was before it. */
export class Catalog<T extends Named> {
  readonly #objects = new Map<string, T>();
  readonly #onChange: (now: T | undefined, old: T | undefined) => void;

  constructor(onChange: (now: T | undefined, old: T | undefined) => void) {
    this.#onChange = onChange;
  }

  get(name: string, namespace?: string): T | undefined {
    return this.#objects.get(namespace === undefined ? name : `${namespace}/${name}`);
  }

  all(): Iterable<T> {
    return this.#objects.values();
  }

  set(object: T): void {
    const key = catalogKey(object);
    const old = this.#objects.get(key);
    this.#objects.set(key, object);
    this.#onChange(object, old);
  }

  remove(object: T): void {
    const key = catalogKey(object);
    const old = this.#objects.get(key);
    if (this.#objects.delete(key)) this.#onChange(undefined, old);
  }
}

/** `namespace/name`, or `name`. */
export const catalogKey = ({ metadata: { name, namespace } }: Named): string =>
  namespace === undefined ? name : `${namespace}/${name}`;
