import { parseSchedule } from '../batch/cron-schedule.ts';
import { zoneExists } from '../batch/wall-clock.ts';
import { type FieldError, invalidValue } from './check.ts';

export function validateSchedule(path: string, schedule: string): FieldError[] {
  if (/\bTZ\b/.test(schedule))
    return [invalidValue(path, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')];
  const parsed = parseSchedule(schedule);
  return typeof parsed === 'string' ? [invalidValue(path, schedule, parsed)] : [];
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
