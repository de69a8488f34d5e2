import { type WallTime, wallClock } from './wall-clock.ts';

interface FieldRange {
  name: string;
  min: number;
  max: number;
  names?: readonly string[];
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const ranges: FieldRange[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: months },
  { name: 'day of week', min: 0, max: 6, names: weekdays },
];
const macros: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const duration = /^[+]?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/;
const unitMs: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

interface Field {
  values: ReadonlySet<number>;
  /** `*` or `?`: of the two fields for days, one that says nothing does not widen the other. */
  isAny: boolean;
}

export type Schedule =
  | { minute: Field; hour: Field; dayOfMonth: Field; month: Field; dayOfWeek: Field }
  /** `@every 1h30m`, in whole seconds. */
  | { everyMs: number };

/**
 * A schedule of five fields, a macro or `@every`; what is wrong with it as text. Written here rather than taken from a
 * library: none has the words and the daylight saving rules of the parser that Kubernetes uses (robfig/cron v3, standard).
 */
export function parseSchedule(text: string): Schedule | string {
  if (text.startsWith('@every ')) return parseEvery(text);
  if (text.startsWith('@')) {
    const meaning = macros[text];
    return meaning === undefined ? `unrecognized descriptor: ${text}` : parseSchedule(meaning);
  }
  const texts = text.split(/\s+/).filter((field) => field !== '');
  if (texts.length !== 5) return `expected exactly 5 fields, found ${texts.length}: [${texts.join(' ')}]`;
  const fields: Field[] = [];
  for (const [i, field] of texts.entries()) {
    const parsed = parseField(field, ranges[i] as FieldRange);
    if (typeof parsed === 'string') return parsed;
    fields.push(parsed);
  }
  const [minute, hour, dayOfMonth, month, dayOfWeek] = fields as [Field, Field, Field, Field, Field];
  return { minute, hour, dayOfMonth, month, dayOfWeek };
}

function parseEvery(text: string): Schedule | string {
  const length = text.slice('@every '.length);
  if (!duration.test(length)) {
    return `failed to parse duration ${text}: time: invalid duration ${JSON.stringify(length)}`;
  }
  let ms = 0;
  for (const [, amount, unit] of length.matchAll(/([\d.]+)([a-zµ]+)/g))
    ms += Number(amount) * (unitMs[unit ?? ''] ?? 0);
  return { everyMs: Math.max(1000, Math.floor(ms / 1000) * 1000) };
}

function parseField(text: string, range: FieldRange): Field | string {
  const values = new Set<number>();
  let isAny = false;
  for (const part of text.split(',')) {
    const parsed = parsePart(part, range);
    if (typeof parsed === 'string') return parsed;
    for (let n = parsed.from; n <= parsed.to; n += parsed.stride) values.add(n);
    isAny ||= /^[*?]/.test(part) && parsed.stride === 1;
  }
  return { values, isAny };
}

function numberOf(text: string, range: FieldRange): number | string {
  const named = range.names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + range.min;
  if (/^[+]?\d+$/.test(text)) return Number(text);
  if (/^-\d+$/.test(text)) return `negative number (${text}) not allowed: ${text}`;
  return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
}

function parsePart(part: string, range: FieldRange): { from: number; to: number; stride: number } | string {
  const [span = '', step, ...more] = part.split('/');
  if (more.length > 0) return `too many slashes: ${part}`;
  const bounds = boundsOf(span, step !== undefined, range);
  if (typeof bounds === 'string') return bounds;
  const stride = step === undefined ? 1 : numberOf(step, { ...range, names: [] });
  if (typeof stride === 'string') return stride;
  if (bounds.from < range.min) return `beginning of range (${bounds.from}) below minimum (${range.min}): ${part}`;
  if (bounds.to > range.max) return `end of range (${bounds.to}) above maximum (${range.max}): ${part}`;
  if (bounds.from > bounds.to) return `beginning of range (${bounds.from}) beyond end of range (${bounds.to}): ${part}`;
  return stride === 0 ? `step of range should be a positive number: ${part}` : { ...bounds, stride };
}

function boundsOf(span: string, stepped: boolean, range: FieldRange): { from: number; to: number } | string {
  if (span === '*' || span === '?') return { from: range.min, to: range.max };
  const ends = span.split('-');
  if (ends.length > 2) return `too many hyphens: ${span}`;
  const from = numberOf(ends[0] as string, range);
  if (typeof from === 'string') return from;
  if (ends.length === 1) return { from, to: stepped ? range.max : from };
  const to = numberOf(ends[1] as string, range);
  return typeof to === 'string' ? to : { from, to };
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** A schedule that has no time within so long has none at all (31 February). */
const horizonMs = 5 * 366 * dayMs;

/**
 * The first time after `afterMs` at which the clocks of the zone show what the schedule says; undefined when there is none.
 * A time that clocks skip in spring does not come, one that they show twice in autumn comes twice.
 */
export function nextTime(schedule: Schedule, afterMs: number, zone: string): number | undefined {
  if ('everyMs' in schedule) return Math.floor(afterMs / 1000) * 1000 + schedule.everyMs;
  const { minute, hour, dayOfMonth, month, dayOfWeek } = schedule;
  const read = wallClock(zone);
  const onDay = (day: number, weekday: number): boolean => {
    const [byDay, byWeekday] = [dayOfMonth.values.has(day), dayOfWeek.values.has(weekday)];
    return dayOfMonth.isAny || dayOfWeek.isAny ? byDay && byWeekday : byDay || byWeekday;
  };
  let ms = Math.floor(afterMs / minuteMs) * minuteMs + minuteMs;
  while (ms - afterMs < horizonMs) {
    const now = read(ms);
    // Steps never go past a change of the day or the hour: clocks may be put on or back there.
    if (!month.values.has(now.month) && now.day < 27) ms += (27 - now.day) * dayMs;
    else if (!month.values.has(now.month) || !onDay(now.day, now.weekday))
      ms += hoursOn(now, Math.max(1, 23 - now.hour));
    else if (!hour.values.has(now.hour)) ms += hoursOn(now, 1);
    else if (!minute.values.has(now.minute)) ms += minuteMs;
    else return ms;
  }
  return undefined;
}

/** From now to the beginning of a later hour. */
const hoursOn = (now: WallTime, hours: number): number => hours * hourMs - now.minute * minuteMs;
