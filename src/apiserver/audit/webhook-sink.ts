import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { callHttp } from '../http-call.ts';
import { postTo, type WebhookServer } from '../webhook/kubeconfig.ts';
import type { AuditEvent } from './event.ts';
import type { AuditSink } from './sink.ts';

/** Upstream's numbers for its `batch` mode. */
const maxWaiting = 10_000;
const batchSize = 400;
const batchMs = 30_000;
const retryMs = 10_000;
const attempts = 5;
const limits = { timeoutMs: 30_000, maxBytes: 64 * 1024 };

/** Sends events to a server, many at a time: when there are enough of them, or the first has waited long enough. */
export class WebhookSink implements AuditSink {
  readonly #deps: { clock: Clock; log: Logger };
  readonly #server: WebhookServer;
  readonly #waiting: AuditEvent[] = [];
  #cancel: (() => void) | undefined;
  #sending: Promise<void> | undefined;
  #isClosing = false;

  constructor(deps: { clock: Clock; log: Logger }, server: WebhookServer) {
    this.#deps = deps;
    this.#server = server;
  }

  write(event: AuditEvent): void {
    if (this.#waiting.length >= maxWaiting) {
      this.#deps.log.error({ events: 1 }, 'audit event dropped: the webhook is too slow');
      return;
    }
    this.#waiting.push(event);
    if (this.#waiting.length >= batchSize) this.#send();
    else this.#cancel ??= this.#deps.clock.after(batchMs, () => this.#send(), { background: true });
  }

  /** What is left is sent once, and not waited for again and again. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#sending;
    this.#send();
    await this.#sending;
  }

  #send(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = undefined;
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#post(this.#waiting.splice(0, batchSize));
  }

  async #post(items: AuditEvent[]): Promise<void> {
    const { clock, log } = this.#deps;
    const body = JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items });
    for (let attempt = 1; ; attempt++) {
      const why = await callHttp(postTo(this.#server), { clock, ...limits }, body).then(
        ({ status }) => (status >= 200 && status < 300 ? undefined : `status ${status}`),
        (error: Error) => error.message,
      );
      if (why === undefined) return;
      if (attempt === attempts || this.#isClosing) {
        log.error({ error: why, events: items.length }, 'audit events could not be sent');
        return;
      }
      await new Promise<void>((resolve) => void clock.after(retryMs * 1.5 ** (attempt - 1), resolve));
    }
  }
}
