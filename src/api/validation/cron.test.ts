import { describe, expect, it } from 'vitest';
import { validateSchedule, validateTimeZone } from './cron.ts';

describe('cron schedules', () => {
  it('takes the time zone apart from the schedule', () => {
    expect(validateSchedule('spec.schedule', 'TZ=UTC 0 * * * *')[0]?.message).toContain(
      'cannot use TZ or CRON_TZ in schedule',
    );
    expect(validateTimeZone('spec.timeZone', 'Europe/Berlin')).toEqual([]);
    expect(validateTimeZone('spec.timeZone', 'Mars/North')[0]?.message).toContain('unknown time zone Mars/North');
  });
});
