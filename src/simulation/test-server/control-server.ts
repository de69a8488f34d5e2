import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StatusError } from '../../api/meta/status-error.ts';
import { type Controlled, controlRoutes } from './control-routes.ts';

const maxBodyBytes = 1 << 20;

/** The control endpoint: HTTP on the loopback interface, below a path that only the one knows who was told it. */
export class ControlServer {
  readonly #server: Server;
  readonly #secret: string;
  readonly #controlled: Controlled;
  /** Requests are served one after another: each finds the world at an instant. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(controlled: Controlled, secret: string) {
    this.#controlled = controlled;
    this.#secret = secret;
    this.#server = createServer((request, response) => {
      this.#last = this.#last.then(() => this.#serve(request, response));
    });
  }

  /** Answers with the URL that paths are below. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${this.#secret}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const prefix = `/${this.#secret}`;
    const path = request.url ?? '';
    const route = path.startsWith(prefix) && controlRoutes[`${request.method} ${path.slice(prefix.length) || '/'}`];
    try {
      if (!route) throw StatusError.of('NotFound', `${request.method} ${path}: there is no such thing`);
      const answer = await route(this.#controlled, await bodyOf(request));
      const isText = typeof answer === 'string';
      response.setHeader('content-type', isText ? 'application/yaml' : 'application/json');
      response.end(isText ? answer : `${JSON.stringify(answer ?? {})}\n`);
    } catch (error) {
      const { code, message } = error instanceof StatusError ? error : { code: 500, message: String(error) };
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify({ error: message })}\n`);
    }
  }
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw StatusError.of('RequestEntityTooLarge', 'the body is too large');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  try {
    const body: unknown = text ? JSON.parse(text) : {};
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw StatusError.of('BadRequest', 'the body is no JSON object');
}
