import { join } from 'node:path';
import { canonicalIp } from './certificate.ts';
import type { KeyPair } from './issue.ts';
import { NodeCertificate, type NodeCertificateDeps, type RequestConnection } from './node-certificate.ts';

export interface NodeCertificatesDeps extends Omit<NodeCertificateDeps, 'onRenewed' | 'clientFor'> {
  /** A client with this node's client certificate; with the join token while it has none that is valid. */
  clientFor(certificate: KeyPair | undefined): RequestConnection;
  /** A certificate was renewed: connections made from now on should use it. */
  onRenewed(purpose: 'client' | 'serving', pair: KeyPair): void;
}

export interface NodeCertificatesOptions {
  nodeName: string;
  /** The certificates' folder on this node. */
  dir: string;
}

/** Both certificates of a node, from the join token to the last renewal. */
export class NodeCertificates {
  readonly #deps: NodeCertificatesDeps;
  readonly #options: NodeCertificatesOptions;
  readonly #running: NodeCertificate[] = [];
  #client: KeyPair | undefined;

  constructor(deps: NodeCertificatesDeps, options: NodeCertificatesOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Who this node is: needs a join token the first time, nothing later. Call once. */
  async client(): Promise<KeyPair> {
    this.#client = await this.#start('client', undefined);
    return this.#client;
  }

  /** For this node's own HTTPS under its name and `addresses`; asked for as the node itself. Call once, after `client`. */
  serving(addresses: string[]): Promise<KeyPair> {
    return this.#start('serving', [this.#options.nodeName, ...addresses.map(canonicalIp)]);
  }

  stop(): void {
    for (const certificate of this.#running) certificate.stop();
  }

  #start(purpose: 'client' | 'serving', addresses: string[] | undefined): Promise<KeyPair> {
    const { nodeName, dir } = this.#options;
    const file = join(dir, `kubelet-${purpose}.pem`);
    const deps: NodeCertificateDeps = {
      ...this.#deps,
      // Both are asked for with the client certificate: a serving certificate proves nothing to the API server.
      clientFor: (current) => this.#deps.clientFor(purpose === 'client' ? current : this.#client),
      onRenewed: (pair) => {
        if (purpose === 'client') this.#client = pair;
        this.#deps.onRenewed(purpose, pair);
      },
    };
    const certificate = new NodeCertificate(deps, { purpose, nodeName, addresses, file });
    this.#running.push(certificate);
    return certificate.start();
  }
}
