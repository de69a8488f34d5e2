import { type FieldError, invalidValue } from './check.ts';

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
const macros = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);
const duration = /^[+]?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/;

/** What is wrong with a cron schedule of five fields or a macro; undefined when nothing is. */
export function scheduleProblem(schedule: string): string | undefined {
  if (schedule.startsWith('@every ')) {
    const text = schedule.slice('@every '.length);
    return duration.test(text)
      ? undefined
      : `failed to parse duration ${schedule}: time: invalid duration ${JSON.stringify(text)}`;
  }
  if (schedule.startsWith('@')) return macros.has(schedule) ? undefined : `unrecognized descriptor: ${schedule}`;
  const fields = schedule.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== 5) return `expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`;
  for (const [i, field] of fields.entries())
    for (const part of field.split(',')) {
      const problem = partProblem(part, ranges[i] as FieldRange);
      if (problem) return problem;
    }
  return undefined;
}

function numberOf(text: string, range: FieldRange): number | string {
  const named = range.names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + range.min;
  if (/^[+]?\d+$/.test(text)) return Number(text);
  if (/^-\d+$/.test(text)) return `negative number (${text}) not allowed: ${text}`;
  return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
}

function partProblem(part: string, range: FieldRange): string | undefined {
  const [span = '', step, ...more] = part.split('/');
  if (more.length > 0) return `too many slashes: ${part}`;
  const bounds = boundsOf(span, step !== undefined, range);
  if (typeof bounds === 'string') return bounds;
  const stride = step === undefined ? 1 : numberOf(step, { ...range, names: [] });
  if (typeof stride === 'string') return stride;
  if (bounds.from < range.min) return `beginning of range (${bounds.from}) below minimum (${range.min}): ${part}`;
  if (bounds.to > range.max) return `end of range (${bounds.to}) above maximum (${range.max}): ${part}`;
  if (bounds.from > bounds.to) return `beginning of range (${bounds.from}) beyond end of range (${bounds.to}): ${part}`;
  return stride === 0 ? `step of range should be a positive number: ${part}` : undefined;
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

export function validateSchedule(path: string, schedule: string): FieldError[] {
  if (/\bTZ\b/.test(schedule))
    return [invalidValue(path, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')];
  const problem = scheduleProblem(schedule);
  return problem ? [invalidValue(path, schedule, problem)] : [];
}

export function validateTimeZone(path: string, zone: string | undefined): FieldError[] {
  if (zone === undefined) return [];
  if (zone === '') return [invalidValue(path, zone, 'timeZone must be nil or non-empty string')];
  if (zone.toLowerCase() === 'local')
    return [
      invalidValue(path, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'),
    ];
  return zoneExists(zone) ? [] : [invalidValue(path, zone, `unknown time zone ${zone}`)];
}

function zoneExists(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions();
    return true;
  } catch {
    return false;
  }
}
