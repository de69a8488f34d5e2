import type { RequestOptions } from 'node:https';
import { parseJson, toJson } from '../../base/lossless-json.ts';
import { isIP } from 'node:net';
import { StatusError } from '../../api/meta/status-error.ts';
import type { WebhookClient } from '../../api/validation/webhook-client.ts';
import type { Clock } from '../../base/clock.ts';
import type { Rng } from '../../base/rng.ts';
import { callHttp } from '../http-call.ts';
import type { ObjectReader } from '../object-reader.ts';
import { type HostPort, serviceEndpoint } from '../service-endpoint.ts';

/** The largest answer of a webhook that is read. */
const maxAnswerBytes = 3 * 2 ** 20;

/** A webhook that could not be asked, or whose answer is none. */
export class WebhookError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WebhookError';
  }
}

export interface WebhookCallerDeps {
  read: ObjectReader;
  clock: Clock;
  rng: Rng;
}

/** Asks webhooks: HTTPS with the authority that their configuration names, at an URL or behind a service. */
export class WebhookCaller {
  readonly #deps: WebhookCallerDeps;

  constructor(deps: WebhookCallerDeps) {
    this.#deps = deps;
  }

  /** Posts JSON; resolves with the parsed answer. Rejects with `WebhookError`. */
  async call(client: WebhookClient, body: unknown, timeoutMs: number): Promise<unknown> {
    const target = client.url === undefined ? this.#behindService(client) : atUrl(client.url);
    const ca = client.caBundle ? Buffer.from(client.caBundle, 'base64').toString('utf8') : undefined;
    const text = await this.#post(target, { ca, text: toJson(body), timeoutMs });
    try {
      return parseJson(text);
    } catch {
      throw new WebhookError('the answer is not JSON');
    }
  }

  /** The service's own name is what the certificate must be for; the connection goes to one of its endpoints. */
  #behindService({ service }: WebhookClient): Target {
    if (!service) throw new WebhookError('neither url nor service is set');
    const { namespace, name, path = '/', port = 443 } = service;
    const servername = `${name}.${namespace}.svc`;
    try {
      const at = serviceEndpoint(this.#deps, { namespace, name, port });
      return { ...at, path, servername, shown: `https://${servername}:${port}${path}` };
    } catch (error) {
      throw error instanceof StatusError ? new WebhookError(error.message) : error;
    }
  }

  async #post(
    target: Target,
    { ca, text, timeoutMs }: { ca: string | undefined; text: string; timeoutMs: number },
  ): Promise<string> {
    const { host, port, path, servername, shown } = target;
    const options: RequestOptions = {
      ...{ host, port, path, method: 'POST' },
      // An address is no server name (RFC 6066 §3).
      ...(isIP(servername) ? {} : { servername }),
      headers: { 'content-type': 'application/json', accept: 'application/json', host: servername },
      ...(ca === undefined ? {} : { ca }),
    };
    const limits = { clock: this.#deps.clock, timeoutMs, maxBytes: maxAnswerBytes };
    const answer = await callHttp(options, limits, text).catch((error: Error) => {
      throw new WebhookError(`Post ${JSON.stringify(shown)}: ${error.message}`);
    });
    if (answer.status >= 200 && answer.status < 300) return answer.text;
    throw new WebhookError(
      `an error on the server (${JSON.stringify(answer.text.slice(0, 200))}) has prevented the request from succeeding`,
    );
  }
}

interface Target extends HostPort {
  path: string;
  /** The name in the certificate. */
  servername: string;
  /** As messages show it. */
  shown: string;
}

function atUrl(text: string): Target {
  const url = new URL(text);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { host, port: Number(url.port || 443), path: `${url.pathname}${url.search}`, servername: host, shown: text };
}
