export interface WallTime {
  month: number;
  day: number;
  hour: number;
  minute: number;
  /** 0 is Sunday. */
  weekday: number;
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** What the clocks of an IANA zone show at a time in epoch milliseconds. Throws RangeError for a zone that does not exist. */
export function wallClock(zone: string): (ms: number) => WallTime {
  if (zone === 'UTC') return utc;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    weekday: 'short',
  });
  return (ms) => {
    const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
    const number = (type: string) => Number(parts[type]);
    const weekday = weekdays.indexOf(parts.weekday ?? '');
    return { month: number('month'), day: number('day'), hour: number('hour'), minute: number('minute'), weekday };
  };
}

function utc(ms: number): WallTime {
  const date = new Date(ms);
  return {
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    weekday: date.getUTCDay(),
  };
}

export function zoneExists(zone: string): boolean {
  try {
    wallClock(zone);
    return true;
  } catch {
    return false;
  }
}
