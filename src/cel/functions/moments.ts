import { EvaluationError } from '../errors.ts';
import { fn, type Overload } from '../signature.ts';
import type { Duration, Timestamp } from '../time.ts';

/** The parts of a moment in a time zone: a name, or an offset such as `+02:00`. */
function partsIn(moment: Timestamp, zone = 'UTC'): Date {
  const offset = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (offset) {
    const minutes = Number(offset[2]) * 60 + Number(offset[3]);
    return new Date(moment.ms + (offset[1] === '-' ? -1 : 1) * minutes * 60_000);
  }
  if (zone === 'UTC') return new Date(moment.ms);
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    const parts = Object.fromEntries(format.formatToParts(moment.ms).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return new Date(Date.UTC(year, month - 1, day, hour, minute, second, ((moment.ms % 1000) + 1000) % 1000));
  } catch {
    throw new EvaluationError(`unknown time zone ${zone}`);
  }
}

const dayOfYear = (date: Date): number =>
  Math.floor(
    (Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()) - Date.UTC(date.getUTCFullYear(), 0, 1)) /
      86_400_000,
  );

const parts: Record<string, (date: Date) => number> = {
  getFullYear: (date) => date.getUTCFullYear(),
  getMonth: (date) => date.getUTCMonth(),
  getDate: (date) => date.getUTCDate(),
  getDayOfMonth: (date) => date.getUTCDate() - 1,
  getDayOfWeek: (date) => date.getUTCDay(),
  getDayOfYear: dayOfYear,
  getHours: (date) => date.getUTCHours(),
  getMinutes: (date) => date.getUTCMinutes(),
  getSeconds: (date) => date.getUTCSeconds(),
  getMilliseconds: (date) => date.getUTCMilliseconds(),
};

const units: Record<string, bigint> = {
  getHours: 3_600_000_000_000n,
  getMinutes: 60_000_000_000n,
  getSeconds: 1_000_000_000n,
  getMilliseconds: 1_000_000n,
};

/** Parts of moments, lengths of time in whole units. */
export const moments: Overload[] = [
  ...Object.entries(parts).flatMap(([name, part]) => [
    fn(`timestamp.${name}(): int`, (moment: Timestamp) => BigInt(part(partsIn(moment)))),
    fn(`timestamp.${name}(string): int`, (moment: Timestamp, zone: string) => BigInt(part(partsIn(moment, zone)))),
  ]),
  ...Object.entries(units).map(([name, unit]) =>
    fn(`duration.${name}(): int`, (duration: Duration) => duration.nanos / unit),
  ),
];
