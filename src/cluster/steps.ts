import type { Clock } from '../base/clock.ts';

/** Tells a person what is being done and how long each part took. */
export class Steps {
  readonly #clock: Clock;
  readonly #out: NodeJS.WritableStream & { isTTY?: boolean };
  readonly #began: number;

  constructor(clock: Clock, out: NodeJS.WritableStream & { isTTY?: boolean }) {
    this.#clock = clock;
    this.#out = out;
    this.#began = clock.now();
  }

  /** Runs one step. On a terminal its line shows while it runs; elsewhere it appears when it is done. */
  async run<T>(title: string, work: () => Promise<T>, detail: (result: T) => string = () => ''): Promise<T> {
    const began = this.#clock.now();
    if (this.#out.isTTY) this.#out.write(`  … ${title}`);
    try {
      const result = await work();
      this.#line('✓', title, began, detail(result));
      return result;
    } catch (error) {
      this.#line('✗', title, began, '');
      throw error;
    }
  }

  get elapsed(): string {
    return seconds(this.#clock.now() - this.#began);
  }

  #line(mark: string, title: string, began: number, detail: string): void {
    const clear = this.#out.isTTY ? '\r\u001b[K' : '';
    const text = detail ? `${title}: ${detail}` : title;
    this.#out.write(`${clear}  ${mark} ${text.padEnd(58)} ${seconds(this.#clock.now() - began)}\n`);
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
