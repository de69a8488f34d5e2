import type { UserInfo } from './authn/user-info.ts';
import type { HttpRequest } from './body.ts';
import { noSuchResource } from './built-in-endpoints.ts';
import type { ApiContext } from './context.ts';
import type { Discovery } from './discovery/discovery.ts';
import { type GroupList, rootPaths } from './discovery/root-paths.ts';
import { dumpOf } from './flowcontrol/dump.ts';
import type { FlowControl } from './flowcontrol/flow-control.ts';
import type { Health, HealthEndpoint } from './health.ts';
import type { OpenApi } from './openapi/openapi.ts';
import { type Audited, authorize, methodNotAllowed } from './pipeline.ts';
import { type HttpResponse, send, sendText } from './respond.ts';
import type { StatusPages } from './status-pages.ts';
import { warningHeaders } from './warning-headers.ts';

export interface PlainPathsDeps {
  context: ApiContext;
  discovery: Discovery;
  openapi: OpenApi;
  health: Health;
  flowControl: FlowControl;
  pages: StatusPages;
}

const endpoints: readonly HealthEndpoint[] = ['healthz', 'livez', 'readyz'];
const healthPath = /^\/(healthz|livez|readyz)(?:\/(.*))?$/;

/** What others need to prove tokens of service accounts by, with the media types of OpenID Connect. */
const proofs: Record<string, { type: string; of(tokens: ApiContext['tokens']): object }> = {
  '/openid/v1/jwks': { type: 'application/jwk-set+json', of: (tokens) => tokens.jwks() },
  '/.well-known/openid-configuration': { type: 'application/json', of: (tokens) => tokens.openidConfiguration() },
};
const keptAnHour = { 'cache-control': 'public, max-age=3600' };

/** Everything that is not a resource: discovery, OpenAPI, version, health, keys. */
export class PlainPaths {
  readonly #deps: PlainPathsDeps;

  constructor(deps: PlainPathsDeps) {
    this.#deps = deps;
  }

  async serve(
    request: HttpRequest,
    response: HttpResponse,
    { path, user, annotate }: { path: string; user: UserInfo } & Audited,
  ): Promise<void> {
    const { context, discovery, openapi } = this.#deps;
    await authorize(context, user, { verb: (request.method ?? 'GET').toLowerCase(), path }, { annotate });
    const [, endpoint, check] = healthPath.exec(path) ?? [];
    if (endpoint && check !== '')
      return this.#health(request, response, { endpoint: endpoint as HealthEndpoint, check });
    const accept = request.headers.accept;
    const hash = /[?&]hash=([^&]*)/.exec(request.url ?? '')?.[1];
    const found = discovery(path, accept);
    const document = found ?? (await openapi({ path, accept, hash }));
    if (document) {
      // What routes of the API answer is asked for with GET alone.
      if (request.method !== 'GET' && (found || request.method !== 'HEAD')) throw methodNotAllowed();
      return sendDocument(request, response, document);
    }
    const proof = proofs[path];
    if (proof) {
      const chunks = [Buffer.from(JSON.stringify(proof.of(context.tokens)))];
      return send(request, response, { code: 200, type: proof.type, chunks, headers: keptAnHour });
    }
    const figures = this.#figures(path);
    if (figures !== undefined) {
      const chunks = [Buffer.from(figures)];
      return send(request, response, { code: 200, type: 'text/plain; version=0.0.4; charset=utf-8', chunks });
    }
    const page = await this.#deps.pages.page(path, accept);
    if (page) {
      if (page.warning) response.setHeader('warning', warningHeaders([page.warning]));
      return send(request, response, { code: 200, type: page.type, chunks: [page.body] });
    }
    const dump = dumpOf(this.#deps.flowControl, path);
    if (dump) return sendText(request, response, 200, dump);
    const [, root, group = ''] = path.split('/');
    if (root === 'apis' && !context.registry.isBuiltIn(group)) return notFoundPage(request, response);
    if (root === 'api' || root === 'apis') throw noSuchResource();
    return this.#index(request, response);
  }

  #figures(path: string): string | undefined {
    if (path === '/metrics') return this.#deps.context.metrics.metrics.text();
    return path === '/metrics/slis' ? this.#deps.health.levels.text() : undefined;
  }

  /** What there is: the root, and all that is not there. */
  #index(request: HttpRequest, response: HttpResponse): Promise<void> {
    const { discovery, health } = this.#deps;
    const groups = discovery('/apis', 'application/json')?.body.toString() ?? '{"groups":[]}';
    const checks = Object.fromEntries(endpoints.map((endpoint) => [endpoint, health.names(endpoint)]));
    const paths = rootPaths(JSON.parse(groups) as GroupList, checks);
    const chunks = [Buffer.from(JSON.stringify({ paths }, undefined, 2))];
    const code = request.url?.split('?')[0] === '/' ? 200 : 404;
    return send(request, response, { code, type: 'application/json', chunks });
  }

  async #health(
    request: HttpRequest,
    response: HttpResponse,
    { endpoint, check }: { endpoint: HealthEndpoint; check: string | undefined },
  ): Promise<void> {
    const { health } = this.#deps;
    if (check) {
      const ok = await health.one(endpoint, check);
      if (ok === undefined) return this.#index(request, response);
      const text = ok ? 'ok' : `internal server error: ${check} failed\n`;
      return sendText(request, response, ok ? 200 : 500, text);
    }
    const [, query = ''] = (request.url ?? '').split('?');
    const { ok, text } = await health.page(endpoint, new URLSearchParams(query));
    return sendText(request, response, ok ? 200 : 500, text);
  }
}

/** Groups that nobody serves get Go's plain text page, not a Status. */
export const notFoundPage = (request: HttpRequest, response: HttpResponse): Promise<void> =>
  sendText(request, response, 404, '404 page not found\n');

/** A document that is made once and kept. */
interface Document {
  code?: number;
  body: Buffer;
  contentType: string;
  etag?: string;
  location?: string;
  cacheControl?: string;
}

function sendDocument(request: HttpRequest, response: HttpResponse, document: Document): Promise<void> {
  const headers: Record<string, string> = { vary: 'Accept' };
  if (document.location) headers.location = document.location;
  if (document.cacheControl) headers['cache-control'] = document.cacheControl;
  if (document.etag) headers.etag = document.etag;
  if (document.etag && request.headers['if-none-match'] === document.etag) {
    return send(request, response, { code: 304, type: document.contentType, chunks: [], headers });
  }
  return send(request, response, {
    code: document.code ?? 200,
    type: document.contentType,
    chunks: [document.body],
    headers,
  });
}
