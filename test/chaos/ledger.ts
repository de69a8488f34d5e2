/** What a client was told about its writes, and whether what is there agrees. Pure: no server, no clock. */

/** One object as a client sees it. `token` is unique to the write that made it so. */
export interface Observed {
  key: string;
  revision: number;
  uid: string;
  token: string;
}

/** A write that was sent; what came of it is not known yet. */
export type Attempt = { write: string } | { delete: true };

interface Entry {
  /** What the last answer said; absent: there is no such object. */
  known: Observed | undefined;
  pending: Attempt | undefined;
}

export class Ledger {
  readonly #entries = new Map<string, Entry>();
  /** Who has each revision that any client has seen. */
  readonly #revisions = new Map<number, string>();
  readonly #refused = new Set<string>();
  #newest = 0;
  #acknowledged = 0;
  /** Contradictions found so far, in words. */
  readonly problems: string[] = [];

  /** How many writes were acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  get refused(): number {
    return this.#refused.size;
  }

  /** The newest revision that a client has seen. */
  get newest(): number {
    return this.#newest;
  }

  known(key: string): Observed | undefined {
    return this.#entries.get(key)?.known;
  }

  /** A write is on its way. Each key has one writer, which sends one write at a time. */
  begin(key: string, attempt: Attempt): void {
    this.#entry(key).pending = attempt;
  }

  /** The server said yes; `after` is the object that it answered with, absent for a deletion. */
  acknowledge(key: string, after: Observed | undefined): void {
    const entry = this.#entry(key);
    if (after) {
      if (entry.known && after.revision <= entry.known.revision)
        this.problems.push(`${key}: revision ${after.revision} was given after ${entry.known.revision}`);
      this.see(after.revision, `${key} ${after.token}`);
    }
    this.#acknowledged += 1;
    entry.known = after;
    entry.pending = undefined;
  }

  /** The server said no: nothing of this write may ever be seen. */
  refuse(key: string, token: string): void {
    this.#refused.add(token);
    this.#entry(key).pending = undefined;
  }

  /** A client saw this revision with this content, in an answer, a list or a watch. */
  see(revision: number, content: string): void {
    const before = this.#revisions.get(revision);
    if (before !== undefined && before !== content)
      this.problems.push(`revision ${revision} was given twice: for ${before} and for ${content}`);
    this.#revisions.set(revision, content);
    this.#newest = Math.max(this.#newest, revision);
  }

  /** Compares everything that is there, at list revision `revision`, with what was said; then takes it as known. */
  check(list: readonly Observed[], revision: number): void {
    if (revision < this.#newest) this.problems.push(`the list is at ${revision}, but ${this.#newest} was seen before`);
    const there = new Map(list.map((object) => [object.key, object]));
    for (const object of list) {
      if (this.#refused.has(object.token)) this.problems.push(`${object.key}: a refused write is there`);
      if (!this.#entries.has(object.key)) this.problems.push(`${object.key}: nobody wrote it`);
      this.see(object.revision, `${object.key} ${object.token}`);
    }
    for (const [key, entry] of this.#entries) {
      const problem = problemOf(entry, there.get(key));
      if (problem) this.problems.push(`${key}: ${problem}`);
      entry.known = there.get(key);
      entry.pending = undefined;
    }
  }

  #entry(key: string): Entry {
    let entry = this.#entries.get(key);
    if (!entry) this.#entries.set(key, (entry = { known: undefined, pending: undefined }));
    return entry;
  }
}

const same = (a: Observed, b: Observed): boolean => a.revision === b.revision && a.uid === b.uid && a.token === b.token;

/** A write without an answer may have happened or not; everything else must be exactly as it was said. */
function problemOf({ known, pending }: Entry, seen: Observed | undefined): string | undefined {
  if (seen ? known && same(known, seen) : !known) return undefined;
  if (!seen) return pending && 'delete' in pending ? undefined : `lost: it was acknowledged at ${known?.revision}`;
  const isPending = pending && 'write' in pending && pending.write === seen.token;
  if (isPending && seen.revision > (known?.revision ?? 0)) return undefined;
  if (!known) return `there at ${seen.revision}, although its deletion was acknowledged or its creation never answered`;
  return `at ${seen.revision} (${seen.token}), but ${known.revision} (${known.token}) was acknowledged`;
}
