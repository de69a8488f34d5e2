import { EvaluationError } from './errors.ts';

const nanosPerMs = 1_000_000n;
const nanosPerSecond = 1_000_000_000n;

/** A length of time (google.protobuf.Duration). */
export class Duration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }

  /** `1h30m`, `-1.5s`, as Go writes and reads durations. Throws `EvaluationError`. */
  static parse(text: string): Duration {
    const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)];
    const sign = text.startsWith('-') ? -1n : 1n;
    const body = text.replace(/^[+-]/, '');
    if (body === '0') return new Duration(0n);
    if (parts.length === 0 || parts.map((part) => part[0]).join('') !== body)
      throw new EvaluationError(`time: invalid duration ${JSON.stringify(text)}`);
    let nanos = 0n;
    for (const [, amount = '0', unit = 's'] of parts) {
      const [whole = '0', fraction = ''] = amount.split('.');
      const scale = units[unit] as bigint;
      nanos += BigInt(whole || '0') * scale;
      if (fraction) nanos += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
    }
    return new Duration(sign * nanos);
  }

  toString(): string {
    const whole = this.nanos / nanosPerSecond;
    const rest = this.nanos % nanosPerSecond;
    if (rest === 0n) return `${whole}s`;
    const fraction = String(rest < 0n ? -rest : rest)
      .padStart(9, '0')
      .replace(/0+$/, '');
    return `${this.nanos < 0n && whole === 0n ? '-' : ''}${whole}.${fraction}s`;
  }
}

const units: Record<string, bigint> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  ms: nanosPerMs,
  s: nanosPerSecond,
  m: 60n * nanosPerSecond,
  h: 3600n * nanosPerSecond,
};

const pattern = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d))?$/;

/** A moment (google.protobuf.Timestamp). */
export class Timestamp {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }

  /** RFC 3339, or a date alone. Throws `EvaluationError`. */
  static parse(text: string): Timestamp {
    const [, date, time = '00:00:00', fraction = '', zone = 'Z'] = pattern.exec(text) ?? [];
    const ms = date === undefined ? Number.NaN : Date.parse(`${date}T${time}${zone.toUpperCase()}`);
    if (Number.isNaN(ms)) throw new EvaluationError(`parsing time ${JSON.stringify(text)} as RFC 3339 failed`);
    return new Timestamp(BigInt(ms) * nanosPerMs + BigInt(fraction.padEnd(9, '0')));
  }

  get ms(): number {
    return Number(this.nanos / nanosPerMs);
  }

  toString(): string {
    const rest = ((this.nanos % nanosPerSecond) + nanosPerSecond) % nanosPerSecond;
    const seconds = new Date(this.ms).toISOString().slice(0, 19);
    const fraction = rest === 0n ? '' : `.${String(rest).padStart(9, '0').replace(/0+$/, '')}`;
    return `${seconds}${fraction}Z`;
  }
}
