/** Figures in Prometheus' text format (0.0.4). No timers: what changes by itself is read when somebody asks. */

export interface Sample {
  labels: readonly string[];
  value: number;
}

/** More series than this are not kept: names that clients choose must not fill the memory. */
const maxSeries = 10_000;

interface Family {
  lines(): string[];
}

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

/** `name="value"` of each label, with commas between. */
const labelText = (names: readonly string[], values: readonly string[]): string =>
  names.map((name, i) => `${name}="${escaped(values[i] ?? '')}"`).join(',');

const labelled = (name: string, labels: string): string => (labels === '' ? name : `${name}{${labels}}`);

/** Series by their label values; undefined when there are too many. */
class Series<T> {
  readonly #byValues = new Map<string, { labels: string; state: T }>();
  readonly #names: readonly string[];
  readonly #fresh: () => T;

  constructor(names: readonly string[], fresh: () => T) {
    this.#names = names;
    this.#fresh = fresh;
  }

  of(values: readonly string[]): T | undefined {
    const key = values.join('\u0000');
    const known = this.#byValues.get(key);
    if (known) return known.state;
    if (this.#byValues.size >= maxSeries) return undefined;
    const state = this.#fresh();
    // Written once: a page of figures has ten thousand lines, which are asked for again and again.
    this.#byValues.set(key, { labels: labelText(this.#names, values), state });
    return state;
  }

  all(): Iterable<{ labels: string; state: T }> {
    return this.#byValues.values();
  }
}

export interface Counter {
  add(labels: readonly string[], by?: number): void;
  /** The same for one series, found once. */
  of(labels: readonly string[]): (by: number) => void;
}

export interface Histogram {
  observe(labels: readonly string[], value: number): void;
  /** The same for one series, found once. */
  of(labels: readonly string[]): (value: number) => void;
}

/** Upper ends of `count` buckets, each `factor` times the one before. */
export const exponentialBuckets = (start: number, factor: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Number((start * factor ** i).toPrecision(12)));

/**
 * What a program counts, by upstream's names where there are such. A part that is started again names its figures again: it
 * goes on with the same counters, and is the one that is read from then on.
 */
export class Metrics {
  readonly #families = new Map<string, Family>();
  readonly #counters = new Map<string, Counter>();
  readonly #histograms = new Map<string, Histogram>();

  counter(name: string, help: string, labelNames: readonly string[]): Counter {
    const known = this.#counters.get(name);
    if (known) return known;
    const series = new Series(labelNames, () => ({ value: 0 }));
    this.#add(name, { help, type: 'counter' }, () =>
      [...series.all()].map(({ labels, state }) => `${labelled(name, labels)} ${state.value}`),
    );
    const of = (labels: readonly string[]) => {
      const state = series.of(labels);
      return (by: number) => {
        if (state) state.value += by;
      };
    };
    const counter: Counter = { add: (labels, by = 1) => of(labels)(by), of };
    this.#counters.set(name, counter);
    return counter;
  }

  /** `read` is called when somebody asks. */
  gauge(name: string, help: string, labelNames: readonly string[], read: () => Iterable<Sample>): void {
    this.#add(name, { help, type: 'gauge' }, () =>
      [...read()].map(({ labels, value }) => `${labelled(name, labelText(labelNames, labels))} ${value}`),
    );
  }

  /** `bounds`: upper ends of the buckets, in order. */
  histogram(
    name: string,
    help: string,
    { labelNames, bounds }: { labelNames: readonly string[]; bounds: readonly number[] },
  ): Histogram {
    const known = this.#histograms.get(name);
    if (known) return known;
    const series = new Series(labelNames, () => ({ counts: new Float64Array(bounds.length + 1), sum: 0 }));
    const ends = [...bounds.map(String), '+Inf'];
    this.#add(name, { help, type: 'histogram' }, () =>
      [...series.all()].flatMap(({ labels, state }) => {
        const bucket = `${name}_bucket{${labels === '' ? '' : `${labels},`}le="`;
        let below = 0;
        const lines = ends.map((end, i) => `${bucket}${end}"} ${(below += state.counts[i] ?? 0)}`);
        lines.push(`${labelled(`${name}_sum`, labels)} ${state.sum}`, `${labelled(`${name}_count`, labels)} ${below}`);
        return lines;
      }),
    );
    const of = (labels: readonly string[]) => {
      const state = series.of(labels);
      return (value: number) => {
        if (!state) return;
        let i = 0;
        while (i < bounds.length && value > (bounds[i] as number)) i++;
        state.counts[i] = (state.counts[i] ?? 0) + 1;
        state.sum += value;
      };
    };
    const histogram: Histogram = { observe: (labels, value) => of(labels)(value), of };
    this.#histograms.set(name, histogram);
    return histogram;
  }

  /** All of it, in the order in which it was named. */
  text(): string {
    const lines = [...this.#families.values()].flatMap((family) => family.lines());
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  }

  #add(name: string, { help, type }: { help: string; type: string }, samples: () => string[]): void {
    this.#families.set(name, {
      lines() {
        const lines = samples();
        return lines.length === 0 ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines];
      },
    });
  }
}
