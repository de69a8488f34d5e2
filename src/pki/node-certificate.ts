import type { Clock } from '../base/clock.ts';
import { backoffMs } from '../base/backoff.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import { belongsTogether, canonicalIp, inspectCertificate, splitPem } from './certificate.ts';
import { readText } from './files.ts';
import type { KeyPair } from './issue.ts';
import { obtainCertificate, type RequestClient, type WantedCertificate } from './obtain-certificate.ts';

/** A client for one request; closed when that is done. */
export interface RequestConnection {
  client: RequestClient;
  close(): void;
}

export interface NodeCertificateDeps {
  /** A client with the given certificate, or with the join token when there is none that is valid. */
  clientFor(current: KeyPair | undefined): RequestConnection;
  clock: Clock;
  rng: Rng;
  log: Logger;
  /** A renewed certificate: the next connections use it. */
  onRenewed(pair: KeyPair): void;
}

/** Dates are compared this often: a timer for a day far away would not notice that the machine slept. */
const checkMs = 60_000;

/** A certificate of this node that is never allowed to run out: read from its file, or obtained, then renewed in time. */
export class NodeCertificate {
  readonly #deps: NodeCertificateDeps;
  readonly #wanted: WantedCertificate;
  readonly #abort = new AbortController();
  #cancelTimer: (() => void) | undefined;

  constructor(deps: NodeCertificateDeps, wanted: WantedCertificate) {
    this.#deps = deps;
    this.#wanted = wanted;
  }

  /** The valid certificate of the file, or a fresh one; from then on it is renewed until `stop`. */
  async start(): Promise<KeyPair> {
    const stored = await readNodeCertificate(this.#wanted, this.#deps.clock);
    const pair = stored ?? (await this.#obtain(undefined));
    this.#scheduleRenewal(pair);
    return pair;
  }

  stop(): void {
    this.#abort.abort(new Error('stopped'));
    this.#cancelTimer?.();
  }

  async #obtain(current: KeyPair | undefined): Promise<KeyPair> {
    const { clock, clientFor } = this.#deps;
    const { client, close } = clientFor(current);
    try {
      return await obtainCertificate({ client, clock, signal: this.#abort.signal }, this.#wanted);
    } finally {
      close();
    }
  }

  #scheduleRenewal(pair: KeyPair): void {
    this.#renewAt(renewalTimeMs(pair.cert, this.#deps.rng), { current: pair, attempt: 1 });
  }

  #renewAt(dueMs: number, renewal: { current: KeyPair; attempt: number }): void {
    const { clock } = this.#deps;
    const leftMs = dueMs - clock.now();
    const check = () => {
      if (clock.now() < dueMs) this.#renewAt(dueMs, renewal);
      else void this.#renew(renewal);
    };
    this.#cancelTimer = clock.after(Math.min(leftMs, checkMs), check, { background: true });
  }

  async #renew({ current, attempt }: { current: KeyPair; attempt: number }): Promise<void> {
    const { clock, log, onRenewed } = this.#deps;
    try {
      const pair = await this.#obtain(isValid(current.cert, clock) ? current : undefined);
      onRenewed(pair);
      this.#scheduleRenewal(pair);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      log.warn({ file: this.#wanted.file, attempt, error: String(error) }, 'certificate renewal failed');
      const delayMs = backoffMs(attempt, { baseMs: 10_000, maxMs: 600_000 });
      this.#renewAt(clock.now() + delayMs, { current, attempt: attempt + 1 });
    }
  }
}

/** Somewhere between 70 and 90 % of its life, so that nodes made together do not renew together. Epoch milliseconds. */
export function renewalTimeMs(certificatePem: string, rng: Rng): number {
  const { notBeforeMs, notAfterMs } = inspectCertificate(certificatePem);
  return notBeforeMs + (notAfterMs - notBeforeMs) * (0.7 + 0.2 * rng.next());
}

/** The stored certificate, when it is whole, valid and for the node as it now is. */
export async function readNodeCertificate(wanted: WantedCertificate, clock: Clock): Promise<KeyPair | undefined> {
  const text = (await readText(wanted.file)) ?? '';
  const cert = splitPem(text, 'CERTIFICATE').join('');
  const key = splitPem(text, 'PRIVATE KEY').join('');
  if (!cert || !key || !belongsTogether(cert, key) || !isValid(cert, clock)) return undefined;
  const info = inspectCertificate(cert);
  const hosts = new Set([...info.dnsNames, ...info.ipAddresses]);
  const isOwn = info.commonName === `system:node:${wanted.nodeName}`;
  return isOwn && (wanted.addresses ?? []).every((host) => hosts.has(canonicalIp(host))) ? { cert, key } : undefined;
}

function isValid(certificatePem: string, clock: Clock): boolean {
  const { notBeforeMs, notAfterMs } = inspectCertificate(certificatePem);
  return notBeforeMs <= clock.now() && clock.now() < notAfterMs;
}
