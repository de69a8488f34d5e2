/** The API servers of a cluster, as URLs: one is used as long as it can be reached, then the next. */
export class ServerList {
  #urls: readonly string[];
  #current: string;
  /** Failures since one was last reached. */
  #failures = 0;

  /** The first one is used until it fails. */
  constructor(urls: readonly string[]) {
    const [first] = urls;
    if (first === undefined) throw new Error('a cluster has at least one server');
    this.#urls = urls;
    this.#current = first;
  }

  get hasOthers(): boolean {
    return this.#urls.length > 1;
  }

  get current(): string {
    return this.#current;
  }

  /** From now on these are the servers; the one in use stays in use when it is among them. An empty list is no news. */
  use(urls: readonly string[]): void {
    const [first] = urls;
    if (first === undefined) return;
    this.#urls = urls;
    if (!urls.includes(this.#current)) this.#current = first;
  }

  reached(): void {
    this.#failures = 0;
  }

  /** `url` could not be reached, or has fallen silent. Tells how many times in a row all of them have failed. */
  failed(url: string): number {
    if (url === this.#current) {
      const next = this.#urls.indexOf(url) + 1;
      this.#current = this.#urls[next % this.#urls.length] as string;
    }
    return Math.floor(++this.#failures / this.#urls.length);
  }
}
