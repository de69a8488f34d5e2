import type { Clock } from '../base/clock.ts';
import { rcodes } from './message.ts';
import { rcodeOf, ttlOffsets } from './wire.ts';

/** As long as an answer of another server is kept at most; pods see changes of the world within it. */
const maxSeconds = 30;
/** Answers that are neither success nor "no such name" are kept this long, so that a broken server is not stormed. */
const failureSeconds = 5;
const maxEntries = 10_000;

interface Entry {
  message: Buffer;
  at: number;
  until: number;
}

/** Answers of upstream servers. At its limit the one that was stored first goes. */
export class AnswerCache {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor({ clock }: { clock: Clock }) {
    this.#clock = clock;
  }

  /** An answer that still holds, and its age. */
  get(key: string): { message: Buffer; ageSeconds: number } | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    const now = this.#clock.now();
    if (now < entry.until) return { message: entry.message, ageSeconds: Math.floor((now - entry.at) / 1000) };
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, message: Buffer): void {
    const seconds = secondsToKeep(message);
    if (seconds <= 0) return;
    const at = this.#clock.now();
    this.#entries.delete(key);
    this.#entries.set(key, { message, at, until: at + seconds * 1000 });
    if (this.#entries.size > maxEntries) this.#entries.delete(this.#entries.keys().next().value ?? '');
  }
}

function secondsToKeep(message: Buffer): number {
  const offsets = ttlOffsets(message);
  if (!offsets) return 0;
  const rcode = rcodeOf(message);
  if (rcode !== rcodes.NOERROR && rcode !== rcodes.NXDOMAIN) return failureSeconds;
  if (offsets.length === 0) return failureSeconds;
  return Math.min(maxSeconds, ...offsets.map((offset) => message.readUInt32BE(offset)));
}
