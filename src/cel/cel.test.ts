import { Environment } from '@marcbachmann/cel-js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Uint } from './ast.ts';
import { Language } from './environment.ts';
import { CompileError, CostError, EvaluationError } from './errors.ts';
import * as t from './types.ts';
import { adapt, CelList, CelMap, Optional, type Value } from './values.ts';

const language = new Language({
  readQuantity: (text) => (/^\d+$/.test(text) ? BigInt(text) * 1_000_000_000n : undefined),
  formats: { label: (text) => (/^[a-z]+$/.test(text) ? [] : ['is no label']) },
});

const inner: t.Type = {
  kind: 'object',
  name: 'Inner',
  field: (name) => (name === 'n' ? { type: t.int, member: 'n' } : undefined),
};
const self: t.Type = {
  kind: 'object',
  name: 'Self',
  field: (name) =>
    ({
      count: { type: t.int, member: 'count' },
      ratio: { type: t.double, member: 'ratio' },
      name: { type: t.string, member: 'name' },
      __in__: { type: t.bool, member: 'in' },
      tags: { type: t.list(t.string), member: 'tags' },
      labels: { type: t.map(t.string, t.string), member: 'labels' },
      inner: { type: inner, member: 'inner' },
      port: { type: t.dyn, member: 'port' },
      when: { type: t.timestamp, member: 'when' },
    })[name],
};
const object = {
  count: 3,
  ratio: 2,
  name: 'knarr',
  in: true,
  tags: ['a', 'b'],
  labels: { x: 'y' },
  port: 80,
  when: '2024-02-29T10:00:00Z',
};

/** Values as tests write them. */
function plain(value: Value): unknown {
  if (value instanceof CelList) return value.values().map(plain);
  if (value instanceof CelMap)
    return Object.fromEntries(value.keys().map((key) => [String(key), plain(value.get(key) as Value)]));
  if (value instanceof Optional) return value.value === undefined ? 'none' : { some: plain(value.value) };
  if (value instanceof Uint) return Number(value.value);
  return typeof value === 'bigint' ? Number(value) : value;
}

const evaluate = (text: string): unknown => {
  const program = language.compile(text, { self });
  return plain(program.run({ self: adapt(object, self) }, 1_000_000).value);
};

describe('values', () => {
  it.each<[string, unknown]>([
    ['self.count + 1', 4],
    ['self.ratio / 4.0', 0.5],
    ['self.__in__', true],
    ['has(self.inner)', false],
    ['self.?inner.n.orValue(7)', 7],
    ['self.labels[?"x"].value() + self.name', 'yknarr'],
    ['self.tags[?5].hasValue()', false],
    ['self.labels.x == "y" && "x" in self.labels', true],
    ['self.port == 80', true],
    ['type(self.port) == int', true],
    ['self.when.getFullYear() == 2024 && self.when < timestamp("2025-01-01T00:00:00Z")', true],
    ['self.when.getDayOfYear()', 59],
    ['dyn(1) == 1.0 && dyn(1u) == 1', true],
    ['7 / 2 == 3 && -7 % 3 == -1', true],
    ['"🚀x".size()', 2],
    ['self.tags.map(tag, tag + "!")', ['a!', 'b!']],
    ['self.tags.map(tag, tag == "b", tag.upperAscii())', ['B']],
    ['self.tags.exists(tag, tag == "b") && !self.tags.all(tag, tag == "b")', true],
    ['self.tags.all(i, tag, i < 2 && tag != "")', true],
    ['{"a": 1, "b": 2}.transformMap(k, v, v > 1, v * 10)', { b: 20 }],
    ['[3, 1, 2].sort()', [1, 2, 3]],
    ['[1, 2, 2].distinct().sum()', 3],
    ['sets.contains([1, 2], [2]) && sets.intersects([1], [1, 2])', true],
    ['"a,b".split(",").join("-")', 'a-b'],
    ['"hello".replace("l", "L", 1)', 'heLlo'],
    ['"tacocat".substring(0, 4).charAt(2)', 'c'],
    ['"abc 123".find("[0-9]+")', '123'],
    ['"%s has %d of %.1f".format([self.name, 3, 1.5])', 'knarr has 3 of 1.5'],
    ['base64.encode(b"hi")', 'aGk='],
    ['duration("90m").getHours()', 1],
    ['string(duration("1h30m")) == "5400s"', true],
    ['quantity("5").add(1).compareTo(quantity("6"))', 0],
    ['isQuantity("x")', false],
    ['ip("fe80::1").isLinkLocalUnicast() && ip("::0001") == ip("::1")', true],
    ['cidr("10.1.2.3/8").masked().containsIP(ip("10.255.0.1"))', true],
    ['string(cidr("10.1.2.3/8").masked())', '10.0.0.0/8'],
    ['ip.isCanonical("::0001")', false],
    ['url("https://u@h:1/p?q=1&q=2").getQuery()["q"]', ['1', '2']],
    ['isURL("../x")', false],
    ['semver("1.0.0-rc.1").isLessThan(semver("1.0.0"))', true],
    ['semver("v1.2", true).minor()', 2],
    ['format.label().validate("A1").value()', ['is no label']],
    ['!format.named("label").value().validate("abc").hasValue()', true],
    ['optional.of(2).optMap(x, x * 2)', { some: 4 }],
    ['cel.bind(x, self.count * 2, x + x)', 12],
    ['false && 1 / 0 == 1 || 1 / 0 == 1 || true', true],
    ['[0, 1].exists(x, 1 / x == 1)', true],
    ['r"\\d" == "\\\\d" && "\\u0041" == "A"', true],
    ['math.greatest([1, 5, 3]) + math.least(4, 2)', 7],
    ['dyn(1) in [1, 2]', true],
    ['[?optional.none(), ?optional.of(1)]', [1]],
  ])('%s', (text, expected) => {
    expect(evaluate(text)).toEqual(expected);
  });

  it.each([
    ['self.inner.n', 'no such key: inner'],
    ['has(self.inner.n)', 'no such key: inner'],
    ['self.tags[5] == ""', 'index out of bounds: 5'],
    ['self.labels["z"] == ""', 'no such key: z'],
    ['1 / 0', 'division by zero'],
    ['9223372036854775807 + 1', 'integer overflow'],
    ['self.port + "x" == ""', 'no such overload'],
    ['"x".matches("(")', 'error parsing regexp: missing closing ): `(`'],
  ])('%s has none', (text, message) => {
    expect(() => evaluate(text)).toThrow(new EvaluationError(message));
  });
});

describe('what does not compile', () => {
  it.each([
    ['self.nope', "ERROR: <input>:1:5: undefined field 'nope'\n | self.nope\n | ....^"],
    ['nope + 1', "ERROR: <input>:1:1: undeclared reference to 'nope' (in container '')\n | nope + 1\n | ^"],
    [
      'self.count == "x"',
      "ERROR: <input>:1:12: found no matching overload for '_==_' applied to '(int, string)'\n | self.count == \"x\"\n | ...........^",
    ],
    [
      'self.name.size(1)',
      "ERROR: <input>:1:10: found no matching overload for 'size' applied to 'string.(int)'\n | self.name.size(1)\n | .........^",
    ],
    ['[1, "a"]', "ERROR: <input>:1:5: expected type 'int' but found 'string'\n | [1, \"a\"]\n | ....^"],
    [
      'self.count.all(x, true)',
      "ERROR: <input>:1:5: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)\n | self.count.all(x, true)\n | ....^",
    ],
    ['1 +', "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting an expression\n | 1 +\n | ...^"],
    ['has(self)', 'ERROR: <input>:1:5: invalid argument to has() macro\n | has(self)\n | ....^'],
  ])('%s', (text, message) => {
    expect(() => language.compile(text, { self })).toThrow(new CompileError(text, []).constructor as never);
    try {
      language.compile(text, { self });
    } catch (error) {
      expect((error as Error).message).toBe(message);
    }
  });
});

describe('cost', () => {
  it('ends what runs for too long, and nothing steps over that', () => {
    const program = language.compile('[1,2,3].all(a, [1,2,3].all(b, a + b > 0)) || true', {});
    expect(() => program.run({}, 50)).toThrow(CostError);
    expect(program.run({}, 1000).value).toBe(true);
  });

  it('is bounded by the sizes that types allow', () => {
    const estimate = (max: number | undefined) =>
      language.compile('self.all(x, x.matches("^a+$"))', {
        self: { kind: 'list', element: { kind: 'string', max: 10 }, ...(max ? { max } : {}) },
      }).estimate;
    expect(estimate(10)).toBeLessThan(200);
    expect(estimate(undefined)).toBeGreaterThan(1_000_000);
  });

  it('never is more than what was estimated', () => {
    const texts = [
      'self.map(x, x + x).filter(y, y != "").size()',
      'self.exists(x, x.contains("b")) || self.all(x, x in self)',
      'self.join(",").split("a").size() > 1',
    ];
    const type: t.Type = { kind: 'list', element: { kind: 'string', max: 8 }, max: 6 };
    const programs = texts.map((text) => language.compile(text, { self: type }));
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 8 }), { maxLength: 6 }), (list) => {
        for (const program of programs) {
          const { cost } = program.run({ self: adapt(list, type) }, 1_000_000);
          expect(cost).toBeLessThanOrEqual(program.estimate);
        }
      }),
    );
  });
});

/** Expressions over integers, texts and lists. */
const numbers = fc.letrec<{ int: string; bool: string; list: string }>((tie) => ({
  int: fc.oneof(
    { depthSize: 'small' },
    fc.integer({ min: -5, max: 5 }).map((n) => (n < 0 ? `(${n})` : String(n))),
    fc.constant('x'),
    fc.tuple(tie('int'), fc.constantFrom('+', '-', '*', '/', '%'), tie('int')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc.tuple(tie('bool'), tie('int'), tie('int')).map(([c, a, b]) => `(${c} ? ${a} : ${b})`),
    tie('list').map((list) => `size(${list})`),
  ),
  bool: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('true', 'false'),
    fc
      .tuple(tie('int'), fc.constantFrom('<', '<=', '==', '!=', '>', '>='), tie('int'))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc.tuple(tie('bool'), fc.constantFrom('&&', '||'), tie('bool')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie('bool').map((a) => `!${a}`),
    fc
      .tuple(tie('list'), fc.constantFrom('all', 'exists'), tie('bool'))
      .map(([list, kind, body]) => `${list}.${kind}(x, ${body})`),
    fc.tuple(tie('int'), tie('list')).map(([a, list]) => `(${a} in ${list})`),
  ),
  list: fc.oneof(
    { depthSize: 'small' },
    fc.array(tie('int'), { minLength: 1, maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
    fc.tuple(tie('list'), tie('int')).map(([list, body]) => `${list}.map(x, ${body})`),
    fc.tuple(tie('list'), tie('bool')).map(([list, body]) => `${list}.filter(x, ${body})`),
  ),
}));

it('says what another implementation says', () => {
  const other = new Environment().registerVariable('x', 'int');
  const outcome = (run: () => unknown): string => {
    try {
      return JSON.stringify(run(), (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value));
    } catch {
      return 'error';
    }
  };
  fc.assert(
    fc.property(fc.oneof(numbers.int, numbers.bool, numbers.list), (text) => {
      const ours = outcome(() => plain(language.compile(text, { x: t.int }).run({ x: 2n }, 1_000_000).value));
      expect(ours).toBe(outcome(() => other.evaluate(text, { x: 2n })));
    }),
    { numRuns: 500 },
  );
});
