import { isDeepStrictEqual } from 'node:util';
import { ownMember } from '../meta/json.ts';
import { parseQuantity } from '../meta/quantity.ts';
import { arranged, goName, type Member, membersOf } from './go-form.ts';
import { schema } from './schema.ts';

type Json = Record<string, unknown>;

/** How many equal members stand around a difference. */
const contextMembers = 2;
/** How deep equal members are shown. */
const contextDepth = 2;

/** `core.PodSpec`, `[]core.Container`. */
function goType(type: string): string {
  const element = schema.element(type);
  if (element && type.startsWith('[]')) return `[]${goType(element)}`;
  if (element && type.startsWith('map[')) return `map[string]${goType(element)}`;
  const parts = type.split('.');
  return parts.length < 3 ? type : `${parts.at(-3)}.${parts.at(-1)}`;
}

/** A value on one line; `depth` is how much further it is shown, `typed` whether with the names of its types. */
function literal(type: string, value: unknown, shown: { pointer: boolean; depth: number; typed: boolean }): string {
  const { pointer, depth, typed } = shown;
  const kind = schema.kindOf(type);
  const base = schema.resolve(type);
  if (value === undefined || value === null) {
    if (pointer || kind === 'list' || kind === 'map') return 'nil';
    if (base === 'string') return '""';
    return kind === 'struct' ? '{}' : base === 'boolean' ? 'false' : /int|float|double/.test(base) ? '0' : 'nil';
  }
  const star = pointer ? '&' : '';
  if (base === 'quantity') return star + quantity(String(value));
  if (typeof value === 'string') return star + JSON.stringify(value);
  if (typeof value !== 'object') return star + String(value);
  const head = star + (typed ? goType(type) : '');
  if (Object.keys(value).length === 0) return `${head}{}`;
  if (depth === 0) return `${head}{...}`;
  const next = { pointer: false, depth: depth - 1, typed };
  const element = schema.element(type);
  if (element && Array.isArray(value))
    return `${head}{${value.map((item) => literal(element, item, { ...next, typed: false })).join(', ')}}`;
  if (element) {
    const entries = Object.entries(value).map(
      ([key, item]) => `${JSON.stringify(key)}: ${literal(element, item, { ...next, typed: false })}`,
    );
    return `${head}{${entries.join(', ')}}`;
  }
  const given = arranged(type, value) as Json;
  const members = membersOf(type).filter(({ name }) => given[name] !== undefined && given[name] !== null);
  return `${head}{${members.map((m) => `${goName(m.name)}: ${literal(m.type, given[m.name], { ...next, pointer: m.pointer })}`).join(', ')}}`;
}

function quantity(text: string): string {
  const { nanos, format } = parseQuantity(text);
  const [value, scale] =
    nanos % 1_000_000_000n === 0n ? [nanos / 1_000_000_000n, ''] : [nanos / 1_000_000n, ', scale: -3'];
  return `{i: resource.int64Amount{value: ${value}${scale}}, Format: "${format}"}`;
}

interface Line {
  mark: ' ' | '-' | '+';
  key: string;
  /** One line of text, or the lines of a member that differs inside. */
  value: string | { open: string; lines: Line[] };
}

const sameValue = (a: unknown, b: unknown): boolean => isDeepStrictEqual(a ?? null, b ?? null);
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

interface Part extends Member {
  key: string;
  before: unknown;
  after: unknown;
}

/** What two values of a type consist of, side by side. */
function parts(type: string, before: unknown, after: unknown): { list: Part[]; noun: [string, string] } {
  const element = schema.element(type);
  const [a, b] = [(before ?? {}) as Json, (after ?? {}) as Json];
  if (!element) {
    const list = membersOf(type).map((member) => ({
      ...member,
      key: `${goName(member.name)}: `,
      before: a[member.name],
      after: b[member.name],
    }));
    return { list, noun: ['field', 'fields'] };
  }
  const isList = Array.isArray(before) || Array.isArray(after);
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const list = (isList ? names : names.sort()).map((name) => ({
    name,
    type: element,
    named: element,
    pointer: false,
    key: isList ? '' : `${JSON.stringify(name)}: `,
    before: ownMember(a, name),
    after: ownMember(b, name),
  }));
  return { list, noun: isList ? ['element', 'elements'] : ['entry', 'entries'] };
}

function difference(type: string, before: unknown, after: unknown): Line[] {
  const { list, noun } = parts(type, before, after);
  const lines: Line[] = [];
  const equal = (part: Part) => sameValue(part.before, part.after);
  for (let i = 0; i < list.length; ) {
    if (!equal(list[i] as Part)) {
      lines.push(...changedPart(list[i++] as Part, schema.element(type) === undefined));
      continue;
    }
    let end = i;
    while (end < list.length && equal(list[end] as Part)) end++;
    lines.push(...equalParts(list.slice(i, end), { first: i === 0, last: end === list.length, noun }));
    i = end;
  }
  return lines;
}

/** Equal members, all but those next to a difference left out. */
function equalParts(run: Part[], place: { first: boolean; last: boolean; noun: [string, string] }): Line[] {
  const low = place.first ? 0 : Math.min(contextMembers, run.length);
  let high = place.last ? 0 : Math.min(contextMembers, run.length - low);
  if (run.length - low - high === 1) high++;
  const shown = (part: Part): Line => ({
    mark: ' ',
    key: part.key,
    value: literal(part.type, part.before, { pointer: part.pointer, depth: contextDepth, typed: false }),
  });
  const left = run.length - low - high;
  const gap: Line[] =
    left > 0 ? [{ mark: ' ', key: '', value: `... // ${left} identical ${place.noun[left > 1 ? 1 : 0]}` }] : [];
  return [...run.slice(0, low).map(shown), ...gap, ...run.slice(run.length - high).map(shown)];
}

function changedPart(part: Part, typed: boolean): Line[] {
  const { key, type, named, pointer } = part;
  const [before, after] = [arranged(type, part.before), arranged(type, part.after)];
  if (isObject(before) && isObject(after) && schema.kindOf(type) !== 'scalar') {
    const open = `${pointer ? '&' : ''}${typed ? goType(named) : ''}{`;
    return [{ mark: ' ', key, value: { open, lines: difference(type, before, after) } }];
  }
  const line = (mark: '-' | '+', value: unknown): Line => ({
    mark,
    key,
    value: literal(type, value, { pointer, depth: 10, typed }),
  });
  const isEntry = !typed;
  return [
    ...(isEntry && before === undefined ? [] : [line('-', before)]),
    ...(isEntry && after === undefined ? [] : [line('+', after)]),
  ];
}

/** Keys of consecutive one-line members stand in one column. */
function rendered(lines: Line[], indent: string): string {
  const isAligned = ({ key, value }: Line | undefined = { mark: ' ', key: '', value: '' }) =>
    key !== '' && typeof value === 'string';
  return lines
    .map((line, i) => {
      const { mark, key, value } = line;
      if (typeof value !== 'string')
        return `${mark} ${indent}${key}${value.open}\n${rendered(value.lines, `${indent}\t`)}${mark} ${indent}},\n`;
      if (!isAligned(line)) return `${mark} ${indent}${key}${value}${value.startsWith('...') ? '' : ','}\n`;
      let [from, to] = [i, i];
      while (isAligned(lines[from - 1])) from--;
      while (isAligned(lines[to + 1])) to++;
      const width = Math.max(...lines.slice(from, to + 1).map((other) => other.key.length));
      return `${mark} ${indent}${key.padEnd(width)}${value},\n`;
    })
    .join('');
}

/**
 * Two values of a type, and where they differ, as the API server appends it to a refused update (github.com/google/go-cmp; its
 * authors promise no exact format).
 */
export function goDiff(type: string, before: unknown, after: unknown): string {
  const lines = difference(type, arranged(type, before), arranged(type, after));
  return `  ${goType(type)}{\n${rendered(lines, '\t')}  }\n`;
}
