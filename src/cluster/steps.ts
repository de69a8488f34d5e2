import { type Clock, every } from '../base/clock.ts';

export interface StepRecord {
  title: string;
  detail: string;
  ok: boolean;
  seconds: number;
}

/** Shows how far a step is, in a few words; on a terminal only. */
export type Progress = (text: string) => void;

type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

const redrawMs = 100;

/** Tells a person what is being done and how long each part took, one line each. */
export class Steps {
  readonly #clock: Clock;
  readonly #out: Output;
  readonly #began: number;
  readonly records: StepRecord[] = [];

  constructor(clock: Clock, out: Output) {
    this.#clock = clock;
    this.#out = out;
    this.#began = clock.now();
  }

  /** Runs one step. On a terminal its line shows, with the time so far, while it runs; elsewhere it appears when done. */
  async run<T>(
    title: string,
    work: (progress: Progress) => Promise<T>,
    detail: (result: T) => string = () => '',
  ): Promise<T> {
    const began = this.#clock.now();
    let state = '';
    const draw = () => this.#draw(state ? `${title}: ${state}` : title, began);
    const stop = this.#out.isTTY ? every(this.#clock, redrawMs, draw) : () => {};
    if (this.#out.isTTY) draw();
    try {
      const result = await work((text) => {
        state = text;
      });
      stop();
      this.#end({ title, detail: detail(result), ok: true, seconds: (this.#clock.now() - began) / 1000 });
      return result;
    } catch (error) {
      stop();
      this.#end({ title, detail: state, ok: false, seconds: (this.#clock.now() - began) / 1000 });
      throw error;
    }
  }

  /** A line of its own, between steps. */
  note(text: string): void {
    this.#out.write(`  ! ${text}\n`);
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return (this.#clock.now() - this.#began) / 1000;
  }

  #draw(text: string, began: number): void {
    // Longer than the terminal is wide, the line could not be taken back.
    const width = Math.max((this.#out.columns || 80) - 14, 20);
    const time = secondsText((this.#clock.now() - began) / 1000);
    this.#out.write(`\r\u001b[K  … ${text.slice(0, width)} ${time}`);
  }

  #end(record: StepRecord): void {
    this.records.push(record);
    const { title, detail, ok, seconds } = record;
    const clear = this.#out.isTTY ? '\r\u001b[K' : '';
    const text = detail ? `${title}: ${detail}` : title;
    this.#out.write(`${clear}  ${ok ? '✓' : '✗'} ${text.padEnd(58)} ${secondsText(seconds)}\n`);
  }
}

export const secondsText = (seconds: number): string => `${seconds.toFixed(2)} s`;
