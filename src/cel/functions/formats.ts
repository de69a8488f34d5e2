import { Uint } from '../ast.ts';
import { EvaluationError } from '../errors.ts';
import { fn, type Overload } from '../signature.ts';
import { CelList, CelMap, type Opaque, Optional, typeOfValue, type Value } from '../values.ts';
import { doubleText } from './conversions.ts';
import { traversed } from './costs.ts';

/** What is wrong with a text by a format's name; nothing when it fits. */
export type Formats = Readonly<Record<string, (text: string) => string[]>>;

class Format implements Opaque {
  readonly celType = 'kubernetes.NamedFormat';
  readonly name: string;
  readonly check: (text: string) => string[];

  constructor(name: string, check: (text: string) => string[]) {
    this.name = name;
    this.check = check;
  }

  equals(other: Value): boolean {
    return other instanceof Format && other.name === this.name;
  }
}

function validate(format: Format, text: string): Optional {
  const wrong = format.check(text);
  return new Optional(wrong.length > 0 ? CelList.of(wrong) : undefined);
}

/** Kubernetes' formats of names, and `format` of texts. */
export function formats(known: Formats): Overload[] {
  const type = 'kubernetes.NamedFormat';
  const named = Object.entries(known).map(([name, check]) => new Format(name, check));
  return [
    ...named.map((format) => fn(`format.${format.name}(): ${type}`, () => format)),
    fn(
      `format.named(string): optional<${type}>`,
      (name: string) => new Optional(named.find((format) => format.name === name)),
    ),
    fn(`${type}.validate(string): optional<list<string>>`, validate, { work: (_, text) => traversed(text) * 10 }),
    fn('string.format(list<dyn>): string', formatText, { work: (text, list) => traversed(text) + list }),
  ];
}

/** `%s %d %f %e %b %x %X %o`, with a precision for `%f` and `%e`. */
function formatText(pattern: string, list: CelList): string {
  let next = 0;
  return pattern.replace(/%(?:%|(?:\.\d+)?.?)/g, (clause) => {
    if (clause === '%%') return '%';
    const verb = clause.at(-1) as string;
    if (!'sdfebxXo'.includes(verb))
      throw new EvaluationError(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
    if (next >= list.size) throw new EvaluationError(`index ${next} out of range`);
    const precision = /\.(\d+)/.exec(clause)?.[1];
    return formatOne(list.at(next++), verb, precision === undefined ? 6 : Number(precision));
  });
}

const bases: Record<string, number> = { b: 2, o: 8, x: 16, X: 16 };

function formatOne(value: Value, verb: string, precision: number): string {
  const whole = value instanceof Uint ? value.value : value;
  if (verb === 's') return shown(value);
  if (verb === 'd' && (typeof whole === 'bigint' || typeof whole === 'number')) return String(whole);
  if (verb === 'f' && typeof whole === 'number') return whole.toFixed(precision);
  if (verb === 'e' && typeof whole === 'number')
    return whole.toExponential(precision).replace(/e([+-])(\d)$/, 'e$10$2');
  const base = bases[verb];
  if (base && typeof whole === 'bigint') return cased(whole.toString(base), verb);
  if (verb === 'b' && typeof whole === 'boolean') return whole ? '1' : '0';
  if (base === 16 && typeof whole === 'string') return cased(Buffer.from(whole).toString('hex'), verb);
  throw new EvaluationError(`error during formatting: ${verb} clause can not be used on ${typeOfValue(value)}`);
}

const cased = (text: string, verb: string): string => (verb === 'X' ? text.toUpperCase() : text);

function shown(value: Value): string {
  if (typeof value === 'string') return value;
  if (value === null) return 'null';
  if (typeof value === 'number') return doubleText(value);
  if (value instanceof CelList) return `[${value.values().map(shown).join(', ')}]`;
  if (value instanceof CelMap) {
    const entries = value.keys().map((key) => `${shown(key)}: ${shown(value.get(key) as Value)}`);
    return `{${entries.sort().join(', ')}}`;
  }
  if (value instanceof Uint) return String(value.value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : String(value);
}
