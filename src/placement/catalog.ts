interface Named {
  metadata: { name: string; namespace?: string };
}

/** Objects of one kind, by `namespace/name` or `name`; every change is told. */
export class Catalog<T extends Named> {
  readonly #objects = new Map<string, T>();
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get(name: string, namespace?: string): T | undefined {
    return this.#objects.get(namespace === undefined ? name : `${namespace}/${name}`);
  }

  all(): Iterable<T> {
    return this.#objects.values();
  }

  set(object: T): void {
    this.#objects.set(catalogKey(object), object);
    this.#onChange();
  }

  remove(object: T): void {
    if (this.#objects.delete(catalogKey(object))) this.#onChange();
  }
}

/** `namespace/name`, or `name`. */
export const catalogKey = ({ metadata: { name, namespace } }: Named): string =>
  namespace === undefined ? name : `${namespace}/${name}`;
