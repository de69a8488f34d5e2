import type { Compare, Event, KeyValue, RequestOp, WatchResponse } from '../../api/generated/etcd.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { hasRpcCode } from '../../rpc/rpc-error.ts';
import type { Change, Loaded } from '../journal.ts';
import { plainRecords, type RecordCodec } from '../record.ts';
import type { Decision, Proposal, SharedJournal, SharedJournalSink } from '../shared-journal.ts';
import { atRevision, goneAt, type Version } from '../version.ts';
import { EtcdClient, type EtcdOptions, type EtcdWatch } from './etcd-client.ts';
import { EtcdCompactor } from './etcd-compactor.ts';
import { EtcdKeys } from './etcd-keys.ts';
import { PreparedTurns } from '../prepared-turns.ts';

export interface EtcdJournalOptions extends EtcdOptions {
  /** Keys of this cluster begin with it; `/knarr` unless told. */
  prefix?: string;
  /** How objects are written; as they are unless told. */
  records?: RecordCodec;
}

interface Deps {
  clock: Clock;
  log: Logger;
}

/** Objects asked for at once when the state is loaded; fewer when they are too large for one answer. */
const pageSize = 1000;
const reconnectMs = 200;
/** Of an etcd in which nothing was ever written: the first write gets the next. */
const emptyRevision = 1;

/**
 * etcd as the journal of several servers. A commit is one transaction that compares the revision of each key; one watch over
 * all keys tells what was committed, foreign keys included, so that every revision is seen and reads can wait for one.
 * Works with etcd 3.4 and later. Loads the state as of the last compaction and follows from there, so that watches resume
 * across a restart.
 */
export class EtcdJournal implements SharedJournal {
  readonly records: RecordCodec;
  readonly #client: EtcdClient;
  readonly #keys: EtcdKeys;
  readonly #deps: Deps;
  readonly #compactor: EtcdCompactor;
  #watch: EtcdWatch | undefined;
  #followed = 0;
  #closed = false;
  /** Parts of an answer that etcd has cut. */
  #fragments: Event[] = [];
  readonly #turns: PreparedTurns;

  constructor(deps: Deps, options: EtcdJournalOptions) {
    this.#deps = deps;
    this.#client = new EtcdClient(deps, options);
    this.#keys = new EtcdKeys(options.prefix ?? '/knarr');
    this.records = options.records ?? plainRecords;
    this.#turns = new PreparedTurns(deps);
    this.#compactor = new EtcdCompactor({ ...deps, kv: this.#client.kv }, this.#keys.compaction);
  }

  async load(): Promise<Loaded> {
    const compacted = Math.max(await this.#compactor.last(), emptyRevision);
    try {
      return await this.#loadAt(compacted);
    } catch (error) {
      if (!hasRpcCode(error, 'OutOfRange')) throw error;
      // Somebody else has compacted it away: the past begins now, for the servers that start later, too.
      const now = await this.newest();
      await this.#compactor.note(now);
      return this.#loadAt(now);
    }
  }

  follow(revision: number, sink: SharedJournalSink): void {
    this.#followed = revision;
    this.#openWatch(sink);
    this.#compactor.start();
  }

  async propose(proposals: readonly Proposal[]): Promise<Decision> {
    const compare = proposals.map(
      (proposal): Compare => ({
        key: this.#keys.of(proposal),
        target: 'MOD',
        result: 'EQUAL',
        modRevision: proposal.base ?? 0,
      }),
    );
    const success = proposals.map((proposal) => this.#operation(proposal));
    const { header, succeeded = false } = await this.#client.kv.Txn({ compare, success });
    return { committed: succeeded, revision: header?.revision ?? 0 };
  }

  async newest(): Promise<number> {
    const { header } = await this.#client.kv.Range({ key: this.#keys.compaction, countOnly: true });
    return header?.revision ?? 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#compactor.stop();
    this.#turns.close();
    this.#watch?.close();
    this.#client.close();
  }

  #operation(proposal: Proposal): RequestOp {
    const key = this.#keys.of(proposal);
    if (!proposal.change) return { requestDeleteRange: { key } };
    return { requestPut: { key, value: this.records.encode(proposal.change) } };
  }

  /** Everything as of a revision. Rejects with OutOfRange when etcd no longer has it. */
  async #loadAt(revision: number): Promise<Loaded> {
    const current: Version[] = [];
    const { key: first, rangeEnd } = this.#keys.range;
    let key: Uint8Array = first;
    for (let limit = pageSize, more = true; more; ) {
      try {
        const page = await this.#client.kv.Range({ key, rangeEnd, revision, limit });
        await this.#prepared(page.kvs ?? []);
        for (const kv of page.kvs ?? []) current.push(this.#versionOf(kv));
        more = page.more === true;
        const last = page.kvs?.at(-1)?.key ?? key;
        key = Buffer.concat([last, Buffer.of(0)]);
      } catch (error) {
        if (!hasRpcCode(error, 'ResourceExhausted') || limit === 1) throw error;
        limit = Math.ceil(limit / 8);
      }
    }
    return { revision, compacted: revision, current, events: [] };
  }

  #openWatch(sink: SharedJournalSink): void {
    this.#fragments = [];
    this.#watch = this.#client.watch({
      response: (response) => this.#take(response, sink),
      end: (error) => {
        this.#deps.log.warn({ error: String(error) }, 'the watch on etcd broke');
        void this.#reopen(sink);
      },
    });
    const every = Buffer.of(0);
    const startRevision = this.#followed + 1;
    this.#watch.send({ createRequest: { key: every, rangeEnd: every, startRevision, fragment: true } });
  }

  async #reopen(sink: SharedJournalSink): Promise<void> {
    await sleep(this.#deps.clock, reconnectMs);
    if (!this.#closed) this.#openWatch(sink);
  }

  #take(response: WatchResponse, sink: SharedJournalSink): void {
    if (response.canceled) {
      const past = response.compactRevision;
      return sink.lost(
        new Error(past ? `etcd has compacted revision ${this.#followed + 1}` : `etcd: ${response.cancelReason}`),
      );
    }
    this.#fragments.push(...(response.events ?? []));
    if (response.fragment || this.#fragments.length === 0) return;
    const events = this.#fragments;
    this.#fragments = [];
    // A watch that was opened again may tell once more what was told before.
    const fresh = events.filter(({ kv }) => (kv?.modRevision ?? 0) > this.#followed);
    const revision = fresh.at(-1)?.kv?.modRevision;
    if (revision === undefined) return;
    this.#followed = revision;
    const kvs = fresh.flatMap(({ kv }) => kv ?? []);
    this.#turns.take(
      () => this.#prepared(kvs),
      () => this.#deliver(fresh, revision, sink),
    );
  }

  /** Somebody has to be asked before these can be read; undefined: nobody has. */
  #prepared(kvs: readonly KeyValue[]): Promise<unknown> | undefined {
    const { prepare } = this.records;
    if (!prepare) return undefined;
    const asking = new Set(kvs.flatMap(({ value }) => (value?.length ? (prepare(Buffer.from(value)) ?? []) : [])));
    return asking.size > 0 ? Promise.all(asking) : undefined;
  }

  #deliver(fresh: readonly Event[], revision: number, sink: SharedJournalSink): void {
    let changes: Change[];
    try {
      changes = fresh.flatMap((event) => this.#changeOf(event) ?? []);
    } catch (error) {
      // Another server has written what this one cannot read: it has no key for it.
      return sink.lost(error);
    }
    sink.changes(changes, revision);
  }

  #changeOf({ type, kv }: Event): Change | undefined {
    const at = kv?.key && this.#keys.parse(kv.key);
    if (!at) return undefined;
    if (type !== 'DELETE') return { version: this.#versionOf(kv), deleted: false, previous: undefined };
    return { version: goneAt({ ...at, revision: kv.modRevision ?? 0 }), deleted: true, previous: undefined };
  }

  /** The bytes in etcd have no revision of their own: they get it on the way out, as in Kubernetes. */
  #versionOf({ value = Buffer.alloc(0), modRevision = 0 }: KeyValue): Version {
    return atRevision(this.records.decode(0, Buffer.from(value)).version, modRevision);
  }
}
