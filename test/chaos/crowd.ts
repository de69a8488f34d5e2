import { configmaps } from '../../src/api/generated/resources.ts';
import type { ConfigMap } from '../../src/api/generated/types.ts';
import { StatusError } from '../../src/api/meta/status-error.ts';
import { realClock, sleep } from '../../src/base/clock.ts';
import type { Rng } from '../../src/base/rng.ts';
import type { Client, WatchHandle } from '../../src/client/client.ts';
import type { AdminClient } from '../../src/cluster/admin-client.ts';
import type { Change, History, Operation, Outcome, WatchLog } from './history.ts';

export interface CrowdOptions {
  rng: Rng;
  /** Names the keys: different runs have different ones. */
  run: string;
  clients: number;
  keys: number;
}

/** A way to a server, new each time. */
export type Dial = () => Promise<AdminClient>;

const namespace = 'default';
/** Who has no answer by then asks another server. */
const patienceMs = 2000;

/** A connection to one of several servers, and to the next when that one is lost. */
class Line {
  readonly #dials: readonly Dial[];
  #at: number;
  #admin: Promise<AdminClient> | undefined;

  constructor(dials: readonly Dial[], first: number) {
    this.#dials = dials;
    this.#at = first;
  }

  async client(): Promise<Client> {
    this.#admin ??= (this.#dials[this.#at % this.#dials.length] as Dial)();
    return (await this.#admin).client;
  }

  next(): void {
    this.close();
    this.#at++;
  }

  close(): void {
    this.#admin?.then((admin) => admin.close()).catch(() => {});
    this.#admin = undefined;
  }
}

/** Answers that leave open whether anything happened. */
const isUnknown = (error: unknown): boolean =>
  !(error instanceof StatusError) || ['ServiceUnavailable', 'Timeout', 'InternalError'].includes(error.reason);

/** Clients that read and write the same few objects over several servers, and write down what they were told. */
export class Crowd {
  readonly #options: CrowdOptions;
  readonly #operations: Operation[] = [];
  readonly #watchers: Watcher[];
  readonly #lines: Line[];
  #working: Promise<void>[] = [];
  #isOver = false;
  #tokens = 0;
  acknowledged = 0;

  constructor(dials: readonly Dial[], options: CrowdOptions) {
    this.#options = options;
    this.#lines = Array.from({ length: options.clients }, (_, i) => new Line(dials, i));
    this.#watchers = dials.map((_, i) => new Watcher(new Line(dials, i), `chaos=${options.run}`));
  }

  async start(): Promise<void> {
    await Promise.all(this.#watchers.map((watcher) => watcher.start()));
    this.#working = this.#lines.map((line, i) => this.#work(line, i % 3 === 2));
  }

  /** Stops the clients and waits until every watcher has heard of the last change; answers what all of them say. */
  async finish(): Promise<History> {
    this.#isOver = true;
    await Promise.all(this.#working);
    const [line] = this.#lines as [Line];
    // One more change, which nobody can miss.
    const last = await this.#until(async () => {
      const key = `${this.#options.run}-last`;
      await this.#write(line, { key, base: 0, token: this.#token() });
      const outcome = await this.#read(line, key);
      return outcome.type === 'seen' ? outcome.revision : undefined;
    });
    for (const watcher of this.#watchers) await watcher.hears(last);
    for (const watcher of this.#watchers) watcher.stop();
    for (const each of this.#lines) each.close();
    return { operations: this.#operations, watches: this.#watchers.map(({ log }) => log) };
  }

  async #until<T>(attempt: () => Promise<T | undefined>): Promise<T> {
    for (let left = 30; left > 0; left--) {
      const result = await attempt();
      if (result !== undefined) return result;
    }
    throw new Error('no server answers');
  }

  /** Who only reads is not kept waiting by a write: it would go on to hear old news from a server that tells any. */
  async #work(line: Line, onlyReads: boolean): Promise<void> {
    const { rng, run, keys } = this.#options;
    while (!this.#isOver) {
      const key = `${run}-${Math.floor(rng.next() * keys)}`;
      const seen = await this.#read(line, key);
      if (onlyReads || seen.type === 'unknown' || rng.next() < 0.4) continue;
      const base = seen.type === 'seen' ? seen.revision : 0;
      const isDeletion = base > 0 && rng.next() < 0.2;
      await this.#write(line, { key, base, token: isDeletion ? undefined : this.#token() });
    }
  }

  #token = () => `${this.#options.run}.${++this.#tokens}`;

  #read(line: Line, key: string): Promise<Outcome> {
    return this.#record(line, { key, call: { type: 'read' } }, async (client) => {
      const object = await client.get(configmaps, { namespace, name: key });
      return { type: 'seen', revision: Number(object.metadata.resourceVersion), token: object.data?.token ?? '' };
    });
  }

  async #write(line: Line, write: { key: string; base: number; token: string | undefined }): Promise<void> {
    const { key, base, token } = write;
    const metadata = { name: key, namespace, labels: { chaos: this.#options.run } };
    const resourceVersion = String(base);
    await this.#record(line, { key, call: { type: 'write', base, token } }, async (client) => {
      if (token === undefined) {
        await client.delete(configmaps, { namespace, name: key }, { preconditions: { resourceVersion } });
        return { type: 'written' };
      }
      const object =
        base === 0
          ? await client.create(configmaps, { metadata, data: { token } })
          : await client.update(configmaps, {
              metadata: { ...metadata, resourceVersion },
              data: { token },
            } as ConfigMap);
      return { type: 'written', revision: Number(object.metadata.resourceVersion) };
    });
  }

  async #record(
    line: Line,
    asked: Pick<Operation, 'key' | 'call'>,
    ask: (client: Client) => Promise<Outcome>,
  ): Promise<Outcome> {
    const startMs = performance.now();
    const answer = await answerOf(line, ask);
    // What is not there cannot be replaced.
    const isRefused = answer.type === 'absent' && asked.call.type === 'write';
    const outcome: Outcome = isRefused ? { type: 'refused' } : answer;
    const endMs = outcome.type === 'unknown' ? Number.POSITIVE_INFINITY : performance.now();
    this.#operations.push({ ...asked, startMs, endMs, outcome });
    if (outcome.type === 'unknown') line.next();
    if (outcome.type === 'written') this.acknowledged++;
    return outcome;
  }
}

async function answerOf(line: Line, ask: (client: Client) => Promise<Outcome>): Promise<Outcome> {
  const patience = new AbortController();
  const late = sleep(realClock, patienceMs, patience.signal).then((): Outcome => ({ type: 'unknown' }));
  late.catch(() => {});
  try {
    return await Promise.race([line.client().then((client) => ask(client)), late]);
  } catch (error) {
    if (isUnknown(error)) {
      // Nobody is there: ask again in a moment, not at once.
      await sleep(realClock, 20);
      return { type: 'unknown' };
    }
    const { reason } = error as StatusError;
    if (reason === 'NotFound') return { type: 'absent' };
    if (reason === 'AlreadyExists' || reason === 'Conflict') return { type: 'refused' };
    throw error;
  } finally {
    patience.abort();
  }
}

/** Lists once, then watches over every loss, at whatever server there is, from the last event it heard. */
class Watcher {
  readonly log: WatchLog = { from: 0, events: [] };
  readonly #line: Line;
  readonly #labelSelector: string;
  #last = 0;
  #handle: WatchHandle | undefined;
  #isOver = false;
  #failure: unknown;

  constructor(line: Line, labelSelector: string) {
    this.#line = line;
    this.#labelSelector = labelSelector;
  }

  async start(): Promise<void> {
    const { metadata } = await (await this.#line.client()).list(configmaps, { namespace });
    this.#last = this.log.from = Number(metadata.resourceVersion);
    await this.#watch();
  }

  stop(): void {
    this.#isOver = true;
    this.#handle?.stop();
    this.#line.close();
  }

  /** Resolves when it has heard of everything up to `revision`. */
  async hears(revision: number): Promise<void> {
    for (let waitedMs = 0; this.#last < revision && waitedMs < 30_000; waitedMs += 10) await sleep(realClock, 10);
    if (this.#failure) throw this.#failure;
    if (this.#last < revision) throw new Error(`a watch heard nothing after ${this.#last}; ${revision} was written`);
  }

  async #again(): Promise<void> {
    await sleep(realClock, 20);
    if (!this.#isOver) await this.#watch();
  }

  async #watch(): Promise<void> {
    const client = await this.#line.client();
    this.#handle = client.watch(
      configmaps,
      { namespace, labelSelector: this.#labelSelector, resourceVersion: String(this.#last) },
      {
        events: (batch) => {
          for (const { type, object } of batch) {
            const revision = Number(object.metadata.resourceVersion);
            this.#last = revision;
            if (type === 'BOOKMARK') continue;
            const token = type === 'DELETED' ? undefined : object.data?.token;
            this.log.events.push({ key: object.metadata.name, revision, token } satisfies Change);
          }
        },
        end: (error) => {
          if (this.#isOver) return;
          if (error instanceof StatusError && error.reason === 'Expired') this.#failure = error;
          this.#line.next();
          this.#again().catch((failure: unknown) => (this.#failure = failure));
        },
      },
    );
  }
}
