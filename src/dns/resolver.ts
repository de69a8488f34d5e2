import dnsPacket, { type Answer } from 'dns-packet';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import { answer, type DnsRecords, type Reply, type Zone } from './answer.ts';
import type { Forwarder } from './forwarder.ts';
import { type Query, readQuery, writeRefusal, writeReply } from './message.ts';
import { truncate } from './wire.ts';

export interface ResolverDeps {
  records: DnsRecords & { readonly isReady: boolean };
  forwarder: Pick<Forwarder, 'resolve'>;
  rng: Rng;
  log: Logger;
}

/** From a message to the message that answers it: the cluster's names from its records, all others by the forwarder. */
export class Resolver {
  readonly #deps: ResolverDeps;
  readonly #zone: Zone;

  constructor(deps: ResolverDeps, zone: Zone) {
    this.#deps = deps;
    this.#zone = zone;
  }

  /** Never rejects. `limitOf` says how long the answer to a query may be; undefined: no answer. */
  async handle(message: Buffer, limitOf: (query: Query) => number): Promise<Buffer | undefined> {
    const query = readQuery(message);
    if (!query) return undefined;
    if ('refuse' in query) return writeRefusal(query);
    try {
      return await this.#answer(query, limitOf(query));
    } catch (error) {
      this.#deps.log.debug({ name: query.question.name, error: String(error) }, 'question failed');
      return writeRefusal({ id: query.id, refuse: 'SERVFAIL' }, query);
    }
  }

  async #answer(query: Query, limit: number): Promise<Buffer> {
    const { records, forwarder } = this.#deps;
    const reply = answer(query.question, records, this.#zone);
    if (!reply) {
      const message = await forwarder.resolve(query);
      return message.length <= limit ? message : truncate(message);
    }
    if (!records.isReady) return writeRefusal({ id: query.id, refuse: 'SERVFAIL' }, query);
    return writeReply(query, await this.#followAlias(query, shuffled(reply, this.#deps.rng)), limit);
  }

  /** Programs in pods have no resolver of their own: an alias comes with what it leads to. */
  async #followAlias(query: Query, reply: Reply): Promise<Reply> {
    const alias = reply.answers[0];
    const { type } = query.question;
    if (alias?.type !== 'CNAME' || (type !== 'A' && type !== 'AAAA')) return reply;
    const question = { type, name: alias.data };
    const own = answer(question, this.#deps.records, this.#zone);
    // Of aliases within the cluster one step is enough: an alias may not lead to an alias (RFC 1034, 3.6.2).
    if (own) return { ...own, answers: [alias, ...own.answers] };
    const message = await this.#deps.forwarder.resolve({ id: query.id, question, recursionDesired: true });
    return { ...reply, answers: [alias, ...foreignAnswers(message)] };
  }
}

const foreignAnswers = (message: Buffer): Answer[] =>
  (dnsPacket.decode(message).answers ?? []).filter((record) => ['A', 'AAAA', 'CNAME'].includes(record.type));

/** Clients often take the first address: each gets another one. */
function shuffled(reply: Reply, rng: Rng): Reply {
  const answers = [...reply.answers];
  for (let i = answers.length - 1; i > 0; i--) {
    const j = Math.floor(rng.next() * (i + 1));
    [answers[i], answers[j]] = [answers[j] as Answer, answers[i] as Answer];
  }
  return { ...reply, answers };
}
