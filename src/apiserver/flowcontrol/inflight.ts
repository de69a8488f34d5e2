import { StatusError } from '../../api/meta/status-error.ts';
import type { Verb } from '../request.ts';

/** Upstream's defaults for requests that read and requests that write. */
const limits = { reads: 400, writes: 200 };

/** Bounds how many short requests are under way; more are told to come back in a second. Watches do not count. */
export class Inflight {
  readonly #running = { reads: 0, writes: 0 };

  /** Call the result when the request is done. Throws 429. */
  enter(verb: Verb): () => void {
    const sort = verb === 'get' || verb === 'list' ? 'reads' : 'writes';
    if (this.#running[sort] >= limits[sort]) {
      throw StatusError.of('TooManyRequests', 'too many requests, please try again later', { retryAfterSeconds: 1 });
    }
    this.#running[sort]++;
    return () => {
      this.#running[sort]--;
    };
  }
}
