import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson, toJson } from './lossless-json.ts';

const whole = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const small = (value: bigint) => Number.isSafeInteger(Number(value));

describe('whole numbers in JSON', () => {
  it('keep their digits, up to 64 bits', () => {
    fc.assert(
      fc.property(whole, fc.string(), (number, text) => {
        const json = `{"a":[${number},{"${'b'}":${number}}],"s":${JSON.stringify(text)},"t":"${number}"}`;
        const value = parseJson(json) as { a: [number | bigint, { b: number | bigint }]; s: string; t: string };
        expect(value.a[0]).toBe(small(number) ? Number(number) : number);
        expect([value.s, value.t, toJson(value)]).toEqual([text, String(number), json]);
      }),
      { seed: 1 },
    );
  });

  it('are read as JSON.parse reads them where nothing is lost', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const value: unknown = JSON.parse(json);
        expect(JSON.stringify(value)).toBe(toJson(value));
        expect(toJson(parseJson(JSON.stringify(value)))).toBe(JSON.stringify(value));
      }),
      { seed: 1 },
    );
  });

  it('are floats beyond that, and with a fraction or an exponent', () => {
    const json = '[9223372036854775808, 12345678901234567.5, 1234567890123456789e3]';
    expect(parseJson(json)).toEqual(JSON.parse(json));
  });

  it('do not hide what is no JSON', () => {
    expect(() => parseJson('{"a":01234567890123456789}')).toThrow(SyntaxError);
  });
});
