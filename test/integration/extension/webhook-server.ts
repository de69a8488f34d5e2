import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ClusterPki } from '../../../src/pki/cluster-pki.ts';
import { issueCertificate, type KeyPair } from '../../../src/pki/issue.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a webhook gets and says is its own affair
type Json = any;

/** A webhook over HTTPS: answers by path, remembers what it was asked. */
export class WebhookServer {
  /** `servername`: whom the caller took it for. */
  readonly asked: { path: string; review: Json; servername: string | false }[] = [];
  readonly #server: Server;
  readonly #handlers = new Map<string, (review: Json) => Promise<Json>>();
  readonly #ca: string;

  static async start(pki: ClusterPki): Promise<WebhookServer> {
    const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
    const hosts = ['127.0.0.1', 'hook.default.svc'];
    const own = await issueCertificate(pki.ca, { commonName: 'hook', hosts, usages: ['server auth'], ...validity });
    const hook = new WebhookServer(pki, own);
    await new Promise<void>((resolve) => hook.#server.listen(0, '0.0.0.0', resolve));
    return hook;
  }

  private constructor(pki: ClusterPki, { cert, key }: KeyPair) {
    this.#ca = pki.ca.cert;
    this.#server = createServer({ cert, key }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const review: Json = JSON.parse(Buffer.concat(chunks).toString('utf8'));
        const path = request.url ?? '';
        const { servername } = request.socket as TLSSocket & { servername: string | false };
        this.asked.push({ path, review, servername });
        void this.#answer(path, review).then((answer) => response.end(JSON.stringify(answer)));
      });
    });
  }

  /** `answer` makes the `response` of a review, at once or later; its uid is filled in. Answers with a clientConfig. */
  on(path: string, answer: (request: Json) => Json): { url: string; caBundle: string } {
    this.#handlers.set(path, async ({ request, ...type }) => ({
      ...type,
      response: { uid: request.uid, ...(await answer(request)) },
    }));
    return this.client(path);
  }

  client(path: string): { url: string; caBundle: string } {
    return { url: `https://127.0.0.1:${this.port}${path}`, caBundle: Buffer.from(this.#ca).toString('base64') };
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async #answer(path: string, review: Json): Promise<Json> {
    return (await this.#handlers.get(path)?.(review)) ?? {};
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
