import type { CST } from 'yaml';
import { parseJson, toJson } from '../base/lossless-json.ts';

/** A text that is not YAML; the message is in the order of Go's parser: the line first. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
}

/** Deeper documents are refused before anything that recurses sees them. */
const maxDepth = 250;
const maxAliases = 100;

export interface YamlBody {
  value: unknown;
  /** What Go's strict parser says of keys that stand twice in one map; the last one counts. */
  duplicates: string[];
}

/** YAML as Kubernetes reads it: JSON's types, no dates. Throws `YamlError`. */
export async function parseYaml(text: string): Promise<YamlBody> {
  const { Composer, Parser } = await import('yaml');
  const tokens = [...new Parser().parse(text)];
  if (depthOf(tokens) > maxDepth) throw new YamlError(`exceeded max depth of ${maxDepth}`);
  // Numbers of so many digits have to be read as what they are: the others follow.
  const isLong = /\d{16}/.test(text);
  const composer = new Composer({ version: '1.2', schema: 'core', logLevel: 'error', intAsBigInt: isLong });
  const [document] = composer.compose(tokens, true, text.length);
  if (!document) return { value: null, duplicates: [] };
  const error = document.errors.find(({ code }) => code !== 'DUPLICATE_KEY');
  if (error) throw new YamlError(describe(text, error));
  try {
    const value: unknown = document.toJS({ maxAliasCount: maxAliases });
    return { value: isLong ? parseJson(toJson(value)) : value, duplicates: duplicatesIn(text, document.errors) };
  } catch (cause) {
    throw new YamlError((cause as Error).message, { cause });
  }
}

/** The first line of the parser's message, with the place first. */
function describe(text: string, { message, pos }: { message: string; pos: [number, number] }): string {
  return `line ${lineAt(text, pos[0])}: ${message.split('\n')[0]}`;
}

const lineAt = (text: string, at: number): number => text.slice(0, at).split('\n').length;

/** A key as it is written, plain or in quotes. */
const keyPattern = /^"((?:[^"\\]|\\.)*)"|^'([^']*)'|^([^:\n]*)/;

/** All of them in one text, as the parser of Go says it. */
function duplicatesIn(text: string, errors: readonly { code: string; pos: [number, number] }[]): string[] {
  const lines = errors
    .filter(({ code }) => code === 'DUPLICATE_KEY')
    .map(({ pos: [at] }) => {
      const key = keyPattern.exec(text.slice(at))?.slice(1).find(Boolean) ?? '';
      return `  line ${lineAt(text, at)}: key ${JSON.stringify(key.trim())} already set in map`;
    });
  return lines.length > 0 ? [['yaml: unmarshal errors:', ...lines].join('\n')] : [];
}

/** How deep the collections of a document are nested; does not recurse itself. */
function depthOf(tokens: CST.Token[]): number {
  let deepest = 0;
  const open = tokens.map((token): [CST.Token, number] => [token, 0]);
  for (let next = open.pop(); next && deepest <= maxDepth; next = open.pop()) {
    const [token, depth] = next;
    deepest = Math.max(deepest, depth);
    if (token.type === 'document' && token.value) open.push([token.value, depth]);
    if (!('items' in token)) continue;
    for (const { key, value } of token.items) {
      if (key) open.push([key, depth + 1]);
      if (value) open.push([value, depth + 1]);
    }
  }
  return deepest;
}
