/** What clients of several servers did and saw. Times are of one clock, milliseconds; who has no answer has no end. */

/** What a call came to. `token` is unique to the write that made the object so. */
export type Outcome =
  | { type: 'seen'; revision: number; token: string }
  | { type: 'absent' }
  /** A write that was acknowledged; deletions are told no revision. */
  | { type: 'written'; revision?: number }
  /** Nothing happened, and nothing of it may ever be seen. */
  | { type: 'refused' }
  /** Nobody knows. */
  | { type: 'unknown' };

/** Writes say which revision they replace; 0: none is there. A deletion has no token. */
export interface Operation {
  key: string;
  startMs: number;
  endMs: number;
  call: { type: 'read' } | { type: 'write'; base: number; token?: string };
  outcome: Outcome;
}

/** One event of a watch; `token` is absent when the object went. */
export interface Change {
  key: string;
  revision: number;
  token: string | undefined;
}

/** One watcher, over as many connections as it took: everything after `from`, up to the last it heard. */
export interface WatchLog {
  from: number;
  events: Change[];
}

export interface History {
  operations: Operation[];
  watches: WatchLog[];
}
