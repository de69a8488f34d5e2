/** What `<time>` and its like stand for. A token that ends in a number is the same value wherever it stands in a file. */
const patterns: [RegExp, string][] = [
  [/^(?:uid|cid)/, '[0-9a-f-]{36}'],
  [/^rv/, '\\d+'],
  [/^time$/, '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ'],
  [/^microtime$/, '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z'],
  [/^clusterIP/, '[0-9a-f.:]+'],
  [/^nodePort/, '\\d+'],
  [/^continue/, '[A-Za-z0-9_-]+'],
  [/^rand/, '[a-z0-9]+'],
  [/^jwt$/, '[\\w-]+\\.[\\w-]+\\.[\\w-]+'],
  [/^age$/, '\\S+'],
  [/^(?:server|serverIP|ptr)$/, '\\S+'],
  [/^(?:ca-pem|ca-base64|jwt-base64)$/, '[\\s\\S]+'],
  [/^(?:unknown|protobuf)$/, '[\\s\\S]*'],
];

const token = /<([a-zA-Z-]+?)(?:-(\d+))?>/g;

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const patternOf = (name: string): string | undefined => patterns.find(([known]) => known.test(name))?.[1];

/** The values behind the tokens of one file, learned from our answers as they come. */
export class Tokens {
  readonly #known = new Map<string, string>();

  /** A request's text with tokens replaced by what they have turned out to be. */
  fill(text: string): string {
    return text.replace(token, (whole, name: string) => {
      if (name === 'time') return '2024-05-06T07:08:09Z';
      return this.#known.get(whole) ?? whole;
    });
  }

  /** Whether a text is what a recorded one says; new tokens get their values. */
  matches(recorded: string, text: string): boolean {
    const names: string[] = [];
    let source = '';
    let at = 0;
    for (const match of recorded.matchAll(token)) {
      const [whole, name = '', number] = match;
      const pattern = patternOf(name);
      if (!pattern) continue;
      source += escaped(recorded.slice(at, match.index));
      at = match.index + whole.length;
      const known = number ? this.#known.get(whole) : undefined;
      if (number && known === undefined) names.push(whole);
      source += known !== undefined ? escaped(known) : number ? `(${pattern})` : `(?:${pattern})`;
    }
    if (recorded.endsWith('...<cut>')) return text.startsWith(recorded.slice(0, -8));
    const found = new RegExp(`^${source}${escaped(recorded.slice(at))}$`).exec(text);
    if (!found) return false;
    for (const [i, name] of names.entries()) this.#known.set(name, found[i + 1] as string);
    return true;
  }
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;

/** Where an answer is not what was recorded: `path: recorded ≠ ours`, nothing when it is. */
export function differences(recorded: unknown, ours: unknown, tokens: Tokens, path = ''): string[] {
  if (typeof recorded === 'string' && typeof ours === 'string') {
    return tokens.matches(recorded, ours) ? [] : [line(path, recorded, ours)];
  }
  if (typeof recorded === 'string' && typeof ours === 'number' && recorded.startsWith('<')) {
    return tokens.matches(recorded, String(ours)) ? [] : [line(path, recorded, ours)];
  }
  if (!isObject(recorded) || !isObject(ours) || Array.isArray(recorded) !== Array.isArray(ours)) {
    return Object.is(recorded, ours) ? [] : [line(path, recorded, ours)];
  }
  const members = new Set([...Object.keys(recorded), ...Object.keys(ours)]);
  return [...members].flatMap((member) =>
    differences(recorded[member], ours[member], tokens, path ? `${path}.${member}` : member),
  );
}

const line = (path: string, recorded: unknown, ours: unknown): string =>
  `${path}: ${JSON.stringify(recorded) ?? 'absent'} ≠ ${JSON.stringify(ours) ?? 'absent'}`;
