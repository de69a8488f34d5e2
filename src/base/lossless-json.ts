/**
 * JSON whose whole numbers keep all their digits. Those that a JavaScript number cannot hold are bigints, as far as Go's
 * decoder reads them as int64; what lies beyond is a float there, too.
 */

/** Nothing that must keep its digits is shorter. */
const longNumber = /\d{16}/;
/** A string, which stays as it is, or a whole number. */
const tokens = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;
const least = -(2n ** 63n);
const most = 2n ** 63n - 1n;

const mark = '\u0000int64:';
const markedText = /"\\u0000int64:(-?\d+)"/g;

/** As `JSON.parse`, but for numbers that it would change. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return longNumber.test(text) ? withDigits(text, value) : value;
}

function withDigits(text: string, value: unknown): unknown {
  let found = false;
  const marked = text.replace(tokens, (token) => {
    if (token.startsWith('"') || Number.isSafeInteger(Number(token))) return token;
    const number = BigInt(token);
    if (number < least || number > most) return token;
    found = true;
    return `"\\u0000int64:${token}"`;
  });
  if (!found) return value;
  return JSON.parse(marked, (_name, member: unknown) =>
    typeof member === 'string' && member.startsWith(mark) ? BigInt(member.slice(mark.length)) : member,
  );
}

/** As `JSON.stringify`; bigints become numbers. */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const text = JSON.stringify(value, (_name, member: unknown) =>
      typeof member === 'bigint' ? `${mark}${member}` : member,
    );
    return text.replace(markedText, '$1');
  }
}
