import { describe, expect, it } from 'vitest';
import { scheduleProblem, validateSchedule, validateTimeZone } from './cron.ts';

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
    expect(scheduleProblem(text)).toBeUndefined();
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
    expect(scheduleProblem(text)).toBe(problem);
  });

  it('takes the time zone apart from the schedule', () => {
    expect(validateSchedule('spec.schedule', 'TZ=UTC 0 * * * *')[0]?.message).toContain(
      'cannot use TZ or CRON_TZ in schedule',
    );
    expect(validateTimeZone('spec.timeZone', 'Europe/Berlin')).toEqual([]);
    expect(validateTimeZone('spec.timeZone', 'Mars/North')[0]?.message).toContain('unknown time zone Mars/North');
  });
});
