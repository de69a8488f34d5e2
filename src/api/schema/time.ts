/** A text that is not a time; the message is the API server's. */
export class TimeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TimeError';
  }
}

const secondsLayout = '2006-01-02T15:04:05Z07:00';
const microLayout = '2006-01-02T15:04:05.000000Z07:00';

const plain = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const plainMicro = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;

/** The layout piece by piece: the first that does not match is what the error names. */
const pieces: [string, RegExp][] = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d\d/],
  ['-', /^-/],
  ['02', /^\d\d/],
  ['T', /^T/],
  ['15', /^\d\d/],
  [':', /^:/],
  ['04', /^\d\d/],
  [':', /^:/],
  ['05', /^\d\d/],
];

function failure(text: string, layout: string): TimeError {
  const quoted = JSON.stringify(text);
  let rest = text;
  for (const [element, pattern] of pieces) {
    const match = pattern.exec(rest);
    if (!match)
      return new TimeError(
        `parsing time ${quoted} as "${layout}": cannot parse ${JSON.stringify(rest)} as "${element}"`,
      );
    rest = rest.slice(match[0].length);
  }
  const range = outOfRange(text);
  if (range) return new TimeError(`parsing time ${quoted}: ${range} out of range`);
  const last = layout === microLayout && !/^\.\d{6}/.test(rest) ? '.000000' : 'Z07:00';
  const unread = last === 'Z07:00' ? rest.replace(/^[.,]\d+/, '') : rest;
  return new TimeError(`parsing time ${quoted} as "${layout}": cannot parse ${JSON.stringify(unread)} as "${last}"`);
}

const zero = 48;

/** `text` has digits where a time has them. Every timestamp of every object comes by: nothing is allocated. */
function outOfRange(text: string): string | undefined {
  const number = (from: number): number => (text.charCodeAt(from) - zero) * 10 + text.charCodeAt(from + 1) - zero;
  const month = number(5);
  if (month < 1 || month > 12) return 'month';
  const day = number(8);
  if (day < 1 || (day > 28 && day > daysIn(month, Number(text.slice(0, 4))))) return 'day';
  if (number(11) > 23) return 'hour';
  if (number(14) > 59) return 'minute';
  if (number(17) > 59) return 'second';
  return undefined;
}

const daysIn = (month: number, year: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

function toUtcMs(text: string, layout: string): { ms: number; fraction: string } {
  const match = parts.exec(text);
  if (!match || outOfRange(text)) throw failure(text, layout);
  const ms = Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(ms)) throw failure(text, layout);
  return { ms, fraction: match[2] ?? '' };
}

const zeroTime = '0001-01-01T00:00:00Z';
const zeroMicroTime = '0001-01-01T00:00:00.000000Z';

/** RFC 3339 in UTC with whole seconds (`metav1.Time`); null for Go's zero time. Throws `TimeError`. */
export function normalTime(text: string): string | null {
  if (text === zeroTime) return null;
  if (plain.test(text) && !outOfRange(text)) return text;
  return `${new Date(toUtcMs(text, secondsLayout).ms).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 in UTC with six decimals (`metav1.MicroTime`). Throws `TimeError`. */
export function normalMicroTime(text: string): string | null {
  if (plainMicro.test(text) && !outOfRange(text) && text !== zeroMicroTime) return text;
  const { ms, fraction } = toUtcMs(text, microLayout);
  if (fraction.length !== 6) throw failure(text, microLayout);
  const seconds = new Date(ms).toISOString().slice(0, 19);
  return `${seconds}Z` === zeroTime && fraction === '000000' ? null : `${seconds}.${fraction}Z`;
}
