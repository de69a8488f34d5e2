import type { CST, Node } from 'yaml';
import { parseJson, toJson } from '../base/lossless-json.ts';

/** A text that is not YAML; the message is in the order of Go's parser: the line first. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
}

/** Deeper documents are refused before anything that recurses sees them. */
const maxDepth = 250;
const maxAliases = 100;

export interface ParsedYaml {
  value: unknown;
  /** `line 12: key "a" already set in map`: the last of several wins. */
  duplicates: string[];
}

/** YAML as Kubernetes reads it: JSON's types, no dates. Throws `YamlError`. */
export async function parseYaml(text: string): Promise<ParsedYaml> {
  const { Composer, LineCounter, Parser, isMap, isPair, isScalar, isSeq } = await import('yaml');
  const lines = new LineCounter();
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  if (depthOf(tokens) > maxDepth) throw new YamlError(`exceeded max depth of ${maxDepth}`);
  // Numbers of so many digits have to be read as what they are: the others follow.
  const isLong = /\d{16}/.test(text);
  const options = {
    version: '1.2',
    schema: 'core',
    logLevel: 'error',
    intAsBigInt: isLong,
    uniqueKeys: false,
  } as const;
  const [document] = new Composer(options).compose(tokens, true, text.length);
  if (!document) return { value: null, duplicates: [] };
  const [error] = document.errors;
  if (error) throw new YamlError(describe(text, error));
  const duplicates: string[] = [];
  const visit = (node: unknown): void => {
    if (isSeq(node)) node.items.forEach(visit);
    if (!isMap(node)) return;
    const seen = new Set<unknown>();
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      visit(pair.value);
      const key = isScalar(pair.key) ? pair.key.value : undefined;
      if (key === undefined) continue;
      // Go's parser tells where the value is.
      const at = (pair.value as Node | null)?.range?.[0] ?? (pair.key as Node).range?.[0] ?? 0;
      if (seen.has(key)) duplicates.push(`line ${lines.linePos(at).line}: key ${toJson(key)} already set in map`);
      seen.add(key);
    }
  };
  visit(document.contents);
  try {
    const value: unknown = document.toJS({ maxAliasCount: maxAliases });
    return { value: isLong ? parseJson(toJson(value)) : value, duplicates };
  } catch (cause) {
    throw new YamlError((cause as Error).message, { cause });
  }
}

/** The first line of the parser's message, with the place first. */
function describe(text: string, error: { message: string; pos: [number, number] }): string {
  const line = text.slice(0, error.pos[0]).split('\n').length;
  return `line ${line}: ${error.message.split('\n')[0]}`;
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
