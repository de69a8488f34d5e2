import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import { AnswerCache } from './answer-cache.ts';
import { type Query, rcodes, writeQuery } from './message.ts';
import { askByTcp, askByUdp, type Upstream } from './upstream-query.ts';
import { isTruncated, rcodeOf, readdress } from './wire.ts';

export interface ForwarderDeps {
  clock: Clock;
  rng: Rng;
  log: Logger;
}

export interface ForwarderOptions {
  /** Asked anew for every question: a machine that moves has other servers. */
  upstreams: () => Promise<readonly Upstream[]>;
  /** Per server and attempt; resolvers in pods give up after 5 s. */
  timeoutMs?: number;
}

const rounds = 2;
/** Questions on the way to other servers; more are refused (SERVFAIL), clients ask again. */
const maxInFlight = 1024;

/** No server gave a usable answer. */
export class UpstreamError extends Error {}

/** Asks the world's name servers for names that are not the cluster's. Same questions at the same time are asked once. */
export class Forwarder {
  readonly #deps: ForwarderDeps;
  readonly #upstreams: ForwarderOptions['upstreams'];
  readonly #timeoutMs: number;
  readonly #cache: AnswerCache;
  readonly #inFlight = new Map<string, Promise<Buffer>>();

  constructor(deps: ForwarderDeps, options: ForwarderOptions) {
    this.#deps = deps;
    this.#upstreams = options.upstreams;
    this.#timeoutMs = options.timeoutMs ?? 1200;
    this.#cache = new AnswerCache({ clock: deps.clock });
  }

  /** The answer for this client, ready to send; it may be longer than the client can take by UDP. */
  async resolve(query: Query): Promise<Buffer> {
    const { question, edns, id } = query;
    const own = writeQuery(id, query);
    const key = `${question.name.toLowerCase()} ${question.type} ${edns ? (edns.dnssec ? 'dnssec' : 'edns') : ''}`;
    const cached = this.#cache.get(key);
    if (cached) return readdress(cached.message, own, { id, ageSeconds: cached.ageSeconds });
    let asking = this.#inFlight.get(key);
    if (!asking) {
      if (this.#inFlight.size >= maxInFlight) throw new UpstreamError('too many questions at once');
      asking = this.#ask(query).finally(() => this.#inFlight.delete(key));
      this.#inFlight.set(key, asking);
      asking.then(
        (message) => this.#cache.set(key, message),
        () => {},
      );
    }
    return readdress(await asking, own, { id, ageSeconds: 0 });
  }

  async #ask(query: Query): Promise<Buffer> {
    const { rng, log } = this.#deps;
    const upstreams = await this.#upstreams();
    let last: Buffer | undefined;
    for (let round = 0; round < rounds; round++) {
      for (const upstream of upstreams) {
        // Fresh for every attempt: a forger would have to guess it, and the port, each time.
        const message = writeQuery(Buffer.from(rng.bytes(2)).readUInt16BE(), query);
        const answer = await this.#attempt(upstream, message).catch((error: unknown) => {
          log.debug({ upstream: upstream.address, error: String(error) }, 'upstream did not answer');
        });
        if (!answer) continue;
        if (rcodeOf(answer) !== rcodes.SERVFAIL && rcodeOf(answer) !== rcodes.REFUSED) return answer;
        last = answer;
      }
      if (last) return last;
    }
    throw new UpstreamError(`no answer from ${upstreams.length} servers`);
  }

  async #attempt(upstream: Upstream, message: Buffer): Promise<Buffer> {
    const attempt = { clock: this.#deps.clock, timeoutMs: this.#timeoutMs };
    const answer = await askByUdp(upstream, message, attempt);
    return isTruncated(answer) ? askByTcp(upstream, message, attempt) : answer;
  }
}
