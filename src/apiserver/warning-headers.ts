/** All of them together, and each where that would be too much; in characters. Upstream's. */
const maxTotal = 4096;
const maxEach = 256;

/**
 * Warning headers (RFC 7234 §5.5): each text once, cut short where all of them together are too long, and none beyond that. Texts with
 * control characters are none.
 */
export function warningHeaders(texts: readonly string[]): string[] {
  const whole = [...new Set(texts)].filter((text) => text !== '' && !/\p{Cc}/u.test(text));
  const total = whole.reduce((sum, text) => sum + lengthOf(text), 0);
  if (total <= maxTotal) return whole.map(header);
  const short = [...new Set(whole.map((text) => [...text].slice(0, maxEach).join('')))];
  let left = maxTotal;
  return short.flatMap((text) => {
    left -= lengthOf(text);
    return left >= 0 ? [header(text)] : [];
  });
}

const lengthOf = (text: string): number => [...text].length;

const header = (text: string): string => `299 - "${text.replace(/["\\]/g, (c) => `\\${c}`)}"`;
