import { type RequestOptions, request } from 'node:https';
import { endpointslices, services } from '../../api/generated/resources.ts';
import type { EndpointSlice, Service, ServicePort } from '../../api/generated/types.ts';
import type { WebhookClient } from '../../api/validation/webhook-client.ts';
import type { Clock } from '../../base/clock.ts';
import type { Rng } from '../../base/rng.ts';
import type { ObjectReader } from '../object-reader.ts';

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
    const text = await this.#post(target, { ca, text: JSON.stringify(body), timeoutMs });
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new WebhookError('the answer is not JSON');
    }
  }

  /** The service's own name is what the certificate must be for; the connection goes to one of its endpoints. */
  #behindService({ service }: WebhookClient): Target {
    if (!service) throw new WebhookError('neither url nor service is set');
    const { namespace, name, path = '/', port = 443 } = service;
    const found = this.#deps.read.get<Service>(services, namespace, name);
    if (!found) throw new WebhookError(`service ${JSON.stringify(name)} not found`);
    const servicePort = found.spec.ports?.find((one) => one.port === port);
    if (!servicePort) throw new WebhookError(`no service port ${port} found for service ${JSON.stringify(name)}`);
    const servername = `${name}.${namespace}.svc`;
    const shown = `https://${servername}:${port}${path}`;
    if (found.spec.type === 'ExternalName')
      return { host: found.spec.externalName ?? '', port, path, servername, shown };
    return { ...this.#endpoint(namespace, name, servicePort), path, servername, shown };
  }

  #endpoint(namespace: string, name: string, servicePort: ServicePort): { host: string; port: number } {
    const addresses = this.#deps.read
      .list<EndpointSlice>(endpointslices, namespace)
      .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === name)
      .flatMap((slice) => addressesOf(slice, servicePort));
    const chosen = addresses[Math.floor(this.#deps.rng.next() * addresses.length)];
    if (!chosen) throw new WebhookError(`no endpoints available for service ${JSON.stringify(name)}`);
    return chosen;
  }

  #post(
    target: Target,
    { ca, text, timeoutMs }: { ca: string | undefined; text: string; timeoutMs: number },
  ): Promise<string> {
    const { host, port, path, servername, shown } = target;
    const options: RequestOptions = {
      host,
      port,
      path,
      servername,
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', host: servername },
      ...(ca === undefined ? {} : { ca }),
    };
    return new Promise((resolve, reject) => {
      const fail = (why: string) => reject(new WebhookError(`Post ${JSON.stringify(shown)}: ${why}`));
      const sent = request(options, (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > maxAnswerBytes) sent.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        response.on('end', () => {
          cancel();
          const answer = Buffer.concat(chunks).toString('utf8');
          const code = response.statusCode ?? 0;
          if (code >= 200 && code < 300) resolve(answer);
          else
            reject(
              new WebhookError(
                `an error on the server (${JSON.stringify(answer.slice(0, 200))}) has prevented the request from succeeding`,
              ),
            );
        });
      });
      const cancel = this.#deps.clock.after(timeoutMs, () => sent.destroy(new Error('context deadline exceeded')));
      sent.on('error', (error) => {
        cancel();
        fail(error.message);
      });
      sent.end(text);
    });
  }
}

interface Target {
  host: string;
  port: number;
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

function addressesOf(slice: EndpointSlice, { name }: ServicePort): { host: string; port: number }[] {
  const port = slice.ports?.find((one) => (one.name ?? '') === (name ?? ''))?.port;
  if (!port) return [];
  return (slice.endpoints ?? [])
    .filter((endpoint) => endpoint.conditions?.ready !== false)
    .flatMap((endpoint) => endpoint.addresses.slice(0, 1).map((host) => ({ host, port })));
}
