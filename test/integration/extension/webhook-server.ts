import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ClusterPki } from '../../../src/pki/cluster-pki.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a webhook gets and says is its own affair
type Json = any;

/** A webhook over HTTPS: answers by path, remembers what it was asked. */
export class WebhookServer {
  readonly asked: { path: string; review: Json }[] = [];
  readonly #server: Server;
  readonly #handlers = new Map<string, (review: Json) => Json>();
  readonly #ca: string;

  static async start(pki: ClusterPki): Promise<WebhookServer> {
    const hook = new WebhookServer(pki);
    await new Promise<void>((resolve) => hook.#server.listen(0, '127.0.0.1', resolve));
    return hook;
  }

  private constructor(pki: ClusterPki) {
    this.#ca = pki.ca.cert;
    this.#server = createServer({ cert: pki.apiserver.cert, key: pki.apiserver.key }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const review: Json = JSON.parse(Buffer.concat(chunks).toString('utf8'));
        const path = request.url ?? '';
        this.asked.push({ path, review });
        response.end(JSON.stringify(this.#handlers.get(path)?.(review) ?? {}));
      });
    });
  }

  /** `answer` makes the `response` of a review; its uid is filled in. Answers with a clientConfig. */
  on(path: string, answer: (request: Json) => Json): { url: string; caBundle: string } {
    this.#handlers.set(path, ({ request, ...type }) => ({
      ...type,
      response: { uid: request.uid, ...answer(request) },
    }));
    return this.client(path);
  }

  client(path: string): { url: string; caBundle: string } {
    const { port } = this.#server.address() as AddressInfo;
    return { url: `https://127.0.0.1:${port}${path}`, caBundle: Buffer.from(this.#ca).toString('base64') };
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** A JSON patch as answers carry it. */
export const patch = (...operations: object[]) => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});
