import { describe, expect, it } from 'vitest';
import { nextTime, parseSchedule, type Schedule } from './cron-schedule.ts';

describe('cron schedules', () => {
  it.each([
    '* * * * *',
    '0 0 1 1 *',
    '*/5 1-3,7 ? jan-mar MON-FRI',
    '10/15 * * * 0',
    '@daily',
    '@every 1h30m',
    '59 23 31 12 6',
  ])('takes %s', (text) => {
    expect(parseSchedule(text)).toBeTypeOf('object');
  });

  it.each([
    ['bad', 'expected exactly 5 fields, found 1: [bad]'],
    ['60 * * * *', 'end of range (60) above maximum (59): 60'],
    ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['* * * * 7', 'end of range (7) above maximum (6): 7'],
    ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
    ['@often', 'unrecognized descriptor: @often'],
  ])('refuses %s', (text, problem) => {
    expect(parseSchedule(text)).toBe(problem);
  });
});

describe('the next time of a schedule', () => {
  const next = (schedule: string, after: string, zone = 'UTC'): string | undefined => {
    const ms = nextTime(parseSchedule(schedule) as Schedule, Date.parse(after), zone);
    return ms === undefined ? undefined : new Date(ms).toISOString().replace(':00.000Z', 'Z');
  };

  it.each([
    ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01Z'],
    ['* * * * *', '2026-01-01T00:00:59Z', '2026-01-01T00:01Z'],
    ['*/20 * * * *', '2026-01-01T00:41:00Z', '2026-01-01T01:00Z'],
    ['30 4 * * *', '2026-01-31T05:00:00Z', '2026-02-01T04:30Z'],
    ['0 0 31 * *', '2026-01-31T00:00:00Z', '2026-03-31T00:00Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00Z'],
    ['0 0 * * MON', '2026-01-01T00:00:00Z', '2026-01-05T00:00Z'],
    // Both days given: either will do. One of them any: both must hold.
    ['0 0 3 * MON', '2026-01-01T00:00:00Z', '2026-01-03T00:00Z'],
    ['0 0 */2 * MON', '2026-01-01T00:00:00Z', '2026-01-03T00:00Z'],
    ['@monthly', '2026-12-01T00:00:00Z', '2027-01-01T00:00Z'],
    ['@every 90s', '2026-01-01T00:00:00.500Z', '2026-01-01T00:01:30.000Z'],
    ['0 0 31 2 *', '2026-01-01T00:00:00Z', undefined],
  ])('%s after %s', (schedule, after, expected) => {
    expect(next(schedule, after)).toBe(expected);
  });

  it.each([
    ['0 9 * * *', '2026-01-01T00:00:00Z', 'Asia/Kolkata', '2026-01-01T03:30Z'],
    ['0 9 * * *', '2026-01-01T00:00:00Z', 'America/New_York', '2026-01-01T14:00Z'],
    // 2026-03-08 02:30 does not exist in New York.
    ['30 2 8 3 *', '2026-01-01T00:00:00Z', 'America/New_York', '2027-03-08T07:30Z'],
    ['30 2 * * *', '2026-03-08T00:00:00Z', 'America/New_York', '2026-03-09T06:30Z'],
    ['0 * * * *', '2026-03-08T06:59:59Z', 'America/New_York', '2026-03-08T07:00Z'],
    // 2026-11-01 01:30 comes twice.
    ['30 1 * * *', '2026-11-01T00:00:00Z', 'America/New_York', '2026-11-01T05:30Z'],
    ['30 1 * * *', '2026-11-01T05:30:00Z', 'America/New_York', '2026-11-01T06:30Z'],
    ['30 1 * * *', '2026-11-01T06:30:00Z', 'America/New_York', '2026-11-02T06:30Z'],
    // Midnight of 2026-09-06 does not exist in Santiago.
    ['15 0 * * *', '2026-09-05T12:00:00Z', 'America/Santiago', '2026-09-07T03:15Z'],
  ])('%s after %s in %s', (schedule, after, zone, expected) => {
    expect(next(schedule, after, zone)).toBe(expected);
  });
});
