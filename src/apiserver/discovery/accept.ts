/** One entry of an `Accept` header. */
export interface MediaRange {
  /** `application/json`, `application/*`, `*\/*`; in lower case. */
  type: string;
  parameters: Record<string, string>;
  quality: number;
}

/** At most this many entries are looked at: no client sends more. */
const maxRanges = 32;

function parseRange(text: string): MediaRange {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters: Record<string, string> = {};
  for (const part of rest) {
    const equals = part.indexOf('=');
    if (equals > 0) parameters[part.slice(0, equals).toLowerCase()] = part.slice(equals + 1).replace(/^"(.*)"$/, '$1');
  }
  const quality = Number(parameters.q ?? 1);
  return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 1 : quality };
}

/** The entries of an `Accept` header, best first (RFC 9110 §12.5.1); an absent header accepts anything. */
export function parseAccept(header: string | undefined): MediaRange[] {
  if (!header?.trim()) return [{ type: '*/*', parameters: {}, quality: 1 }];
  return header
    .split(',', maxRanges)
    .map(parseRange)
    .filter((range) => range.quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

/** Whether a range takes a media type, parameters aside. */
export const takes = ({ type }: MediaRange, mediaType: string): boolean =>
  type === mediaType || type === '*/*' || type === `${mediaType.split('/')[0]}/*`;
