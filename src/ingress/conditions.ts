import type { HostPattern, PathPattern, RequestMatch, Route, ValuePattern } from './model.ts';
import { word } from './words.ts';

/** Where a frontend keeps the host that was asked for, without port and in lower case. */
export const hostVariable = 'txn.host';

/** What haproxy looks at: one of several expressions is enough. */
type Expressions = string[];

/**
 * The named conditions (`acl`) of a frontend, each once however many routes ask for it: names are short, so that a route with all
 * the matches that the API allows stays below the 64 words of a line.
 */
export class Conditions {
  readonly #names = new Map<string, string>();

  /** The words after `if` for a route; undefined when it takes every request. */
  of({ host, exceptHosts = [], match, share }: Route): string | undefined {
    const terms = [
      ...(host ? [this.#name(hostIs(host))] : []),
      ...exceptHosts.map((other) => `!${this.#name(hostIs(other))}`),
      ...expressionsOf(match).map((expressions) => this.#name(expressions)),
      ...(share ? [this.#name([`rand(${share.of}) lt ${share.weight}`])] : []),
    ];
    return terms.length === 0 ? undefined : terms.join(' ');
  }

  get lines(): string[] {
    return [...this.#names].flatMap(([text, name]) => text.split('\n').map((line) => `  acl ${name} ${line}`));
  }

  #name(expressions: Expressions): string {
    const text = expressions.join('\n');
    const known = this.#names.get(text);
    if (known) return known;
    const name = `c${this.#names.size}`;
    this.#names.set(text, name);
    return name;
  }
}

function hostIs({ name, before }: HostPattern): Expressions {
  const host = `var(${hostVariable})`;
  if (before === 'nothing') return [`${host} -m str -- ${word(name)}`];
  if (before === 'labels') return [`${host} -m end -- ${word(`.${name}`)}`];
  return [`${host} -m reg -- ${word(`^[^.]+\\.${name.replaceAll('.', '\\.')}$`)}`];
}

function expressionsOf({ path, method, headers = [], queries = [] }: RequestMatch): Expressions[] {
  return [
    ...(path && !isEveryPath(path) ? [pathIs(path)] : []),
    ...(method ? [[`method -m str -- ${word(method)}`]] : []),
    // The whole field: a comma in it is part of the value.
    ...headers.map((header) => [`req.fhdr(${header.name}) ${valueIs(header)}`]),
    ...queries.map((query) => [`url_param(${query.name}),url_dec ${valueIs(query)}`]),
  ];
}

/** `/a/` is the prefix `/a`; that of every path is empty. */
export const prefixOf = (path: string): string => path.replace(/\/+$/, '');

const isEveryPath = ({ type, value }: PathPattern): boolean => type === 'Prefix' && prefixOf(value) === '';

function pathIs({ type, value }: PathPattern): Expressions {
  if (type === 'Exact') return [`path -m str -- ${word(value)}`];
  if (type === 'RegularExpression') return [`path ${wholeMatch(value)}`];
  const prefix = prefixOf(value);
  return [`path -m str -- ${word(prefix)}`, `path -m beg -- ${word(`${prefix}/`)}`];
}

const valueIs = ({ type, value }: ValuePattern): string =>
  type === 'Exact' ? `-m str -- ${word(value)}` : wholeMatch(value);

const wholeMatch = (regex: string): string => `-m reg -- ${word(`^(?:${regex})$`)}`;
