/** etcd keys of objects: `<prefix>/<resource>/<key>`, resources as the store names them (`deployments.apps`). */
export class EtcdKeys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = `${prefix.replace(/\/$/, '')}/`;
  }

  /** All of them lie between these two. */
  get range(): { key: Buffer; rangeEnd: Buffer } {
    const key = Buffer.from(this.#prefix);
    const rangeEnd = Buffer.from(key);
    rangeEnd[rangeEnd.length - 1] = (rangeEnd.at(-1) as number) + 1;
    return { key, rangeEnd };
  }

  /** Where servers agree on what to compact; it lies outside of `range`. */
  get compaction(): Buffer {
    return Buffer.from(`${this.#prefix.slice(0, -1)}-compaction`);
  }

  of({ resource, key }: { resource: string; key: string }): Buffer {
    return Buffer.from(`${this.#prefix}${resource}/${key}`);
  }

  /** Undefined for a key that is not an object's. */
  parse(bytes: Uint8Array): { resource: string; key: string } | undefined {
    const text = Buffer.from(bytes).toString();
    if (!text.startsWith(this.#prefix)) return undefined;
    const slash = text.indexOf('/', this.#prefix.length);
    if (slash < 0) return undefined;
    return { resource: text.slice(this.#prefix.length, slash), key: text.slice(slash + 1) };
  }
}
