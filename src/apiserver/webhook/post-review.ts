import { sleep } from '../../base/clock.ts';
import { callHttp, type HttpCallLimits } from '../http-call.ts';
import { postTo, type WebhookServer } from './kubeconfig.ts';

/** How long is waited before a server is asked again, and how often it is asked in all. */
export interface Backoff {
  firstMs: number;
  factor: number;
  attempts: number;
}

/** Upstream's for webhooks of authentication, authorization and images. */
const usual: Backoff = { firstMs: 500, factor: 1.5, attempts: 5 };

/** It may answer when it is asked again. */
class Busy extends Error {
  override readonly name = 'Busy';
}

/**
 * Posts a review to a server that a kubeconfig names; resolves with the text of its answer. A server that breaks a connection off, has
 * too much to do or fails is asked again. Rejects with an Error that says what it did.
 */
export async function postReview(
  server: WebhookServer,
  limits: HttpCallLimits,
  body: string,
  { firstMs, factor, attempts }: Backoff = usual,
): Promise<string> {
  for (let attempt = 1, waitMs = firstMs; ; attempt++, waitMs *= factor) {
    try {
      return await post(server, limits, body);
    } catch (error) {
      if (!(error instanceof Busy) || attempt >= attempts) throw error;
      await sleep(limits.clock, waitMs);
    }
  }
}

async function post(server: WebhookServer, limits: HttpCallLimits, body: string): Promise<string> {
  const shown = `Post ${JSON.stringify(server.url.href)}`;
  const { status, text } = await callHttp(postTo(server), limits, body).catch((error: Error & { code?: string }) => {
    const message = `${shown}: ${error.message}`;
    throw error.code === 'ECONNRESET' ? new Busy(message, { cause: error }) : new Error(message, { cause: error });
  });
  if (status >= 200 && status < 300) return text;
  const message = `${shown}: the webhook answered with status ${status}`;
  throw status === 429 || status >= 500 ? new Busy(message) : new Error(message);
}
