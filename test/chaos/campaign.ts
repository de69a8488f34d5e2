import { configmaps } from '../../src/api/generated/resources.ts';
import { realClock, sleep } from '../../src/base/clock.ts';
import { type Rng, seededRng } from '../../src/base/rng.ts';
import type { AdminClient } from '../../src/cluster/admin-client.ts';
import { Follower } from './follower.ts';
import { Ledger } from './ledger.ts';
import type { ServerProcess } from './server-process.ts';
import { labelSelector, namespace, observed, Writers } from './writers.ts';

/** The seed of the whole run: the same one makes the same choices. */
export const seed = Number(process.env.KNARR_CHAOS_SEED ?? 1);
export const isLong = process.env.KNARR_TEST_LONG === '1';

/** A server that is written to and ends again and again, and everything that its clients were told. */
export class Campaign {
  readonly server: ServerProcess;
  readonly ledger = new Ledger();
  readonly follower = new Follower(this.ledger);
  readonly rng: Rng = seededRng(seed);
  readonly #env: Record<string, string>;
  #admins: AdminClient[] = [];
  #rounds = 0;

  constructor(server: ServerProcess, env: Record<string, string> = {}) {
    this.server = server;
    this.#env = env;
  }

  start(): Promise<void> {
    return this.server.start(this.#env);
  }

  /** Starts the server and answers everything that contradicts what was acknowledged; empty when all is well. */
  async startAndCheck(): Promise<string[]> {
    await this.start();
    await this.server.ready();
    const admin = await this.#admin();
    const { items, metadata } = await admin.client.list(configmaps, { namespace, labelSelector });
    const objects = items.map(observed);
    this.ledger.check(objects, Number(metadata.resourceVersion));
    if (this.#rounds === 0) await this.follower.list(admin.client);
    this.follower.follow(admin.client);
    return [...this.ledger.problems, ...(await this.follower.agrees(objects))];
  }

  /**
   * Writes over several connections; after a random number of acknowledged writes `end` has to end the server. Resolves
   * when every writer has lost it.
   */
  async writeUntil(end: () => Promise<unknown>): Promise<void> {
    const wanted = this.ledger.acknowledged + 20 + Math.floor(this.rng.next() * 200);
    let isOver = false;
    const written = this.write().finally(() => (isOver = true));
    written.catch(() => {});
    while (!isOver && this.ledger.acknowledged < wanted) await sleep(realClock, 1);
    if (isOver)
      await written.then(() => Promise.reject(new Error(`the server was lost too early: ${this.server.log()}`)));
    await sleep(realClock, this.rng.next() * 5);
    await end();
    await written;
  }

  /** Writes over several connections until all of them are lost. */
  async write(): Promise<void> {
    const run = String(this.#rounds++);
    const clients = await Promise.all(Array.from({ length: 4 }, async () => (await this.#admin()).client));
    await new Writers({ ledger: this.ledger, rng: this.rng, run, keysPerConnection: 4 }).run(clients);
    this.#closeAll();
  }

  async dispose(): Promise<void> {
    this.follower.stop();
    this.#closeAll();
    await this.server.dispose();
  }

  async #admin(): Promise<AdminClient> {
    const admin = await this.server.client();
    this.#admins.push(admin);
    return admin;
  }

  #closeAll(): void {
    for (const admin of this.#admins.splice(0)) admin.close();
  }
}
