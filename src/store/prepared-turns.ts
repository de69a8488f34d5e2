import { type Clock, sleep } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';

const askAgainMs = 1000;

/**
 * What comes from a journal is handed on in its order, also where somebody has to be asked before a part of it can be read. At once
 * where nobody has to be. Who is asked may be away for a while: until he answers nothing more is handed on.
 */
export class PreparedTurns {
  readonly #deps: { clock: Clock; log: Logger };
  #last: Promise<void> | undefined;
  #closed = false;

  constructor(deps: { clock: Clock; log: Logger }) {
    this.#deps = deps;
  }

  /** `prepare` asks; undefined: nobody has to be asked. `deliver` reads and hands on. */
  take(prepare: () => Promise<unknown> | undefined, deliver: () => void): void {
    const asking = prepare();
    if (!asking && !this.#last) return deliver();
    const turn = Promise.all([this.#last, asking && this.#insist(asking, prepare)]).then(() => {
      if (!this.#closed) deliver();
      if (this.#last === turn) this.#last = undefined;
    });
    this.#last = turn;
  }

  /** Nothing is handed on any more. */
  close(): void {
    this.#closed = true;
  }

  async #insist(first: Promise<unknown>, prepare: () => Promise<unknown> | undefined): Promise<void> {
    for (let asking: Promise<unknown> | undefined = first; asking && !this.#closed; ) {
      try {
        await asking;
        return;
      } catch (error) {
        this.#deps.log.warn({ error: String(error) }, 'what another server wrote cannot be read yet');
        await sleep(this.#deps.clock, askAgainMs);
        asking = prepare();
      }
    }
  }
}
