/** Addresses of a node's pods, from its own /24. The lowest free one is given. */
export class PodAddresses {
  readonly #used = new Set<number>();
  #prefix = '';

  get hasNetwork(): boolean {
    return this.#prefix !== '';
  }

  /** `podCIDR` of the node, once it has one. */
  setNetwork(podCidr: string | undefined): void {
    if (podCidr) this.#prefix = podCidr.split('.').slice(0, 3).join('.');
  }

  /** Only with a network. */
  give(): string {
    let last = 2;
    while (this.#used.has(last)) last++;
    this.#used.add(last);
    return `${this.#prefix}.${last}`;
  }

  take(ip: string | undefined): void {
    if (ip) this.#used.add(Number(ip.split('.')[3]));
  }

  free(ip: string | undefined): void {
    if (ip) this.#used.delete(Number(ip.split('.')[3]));
  }
}
