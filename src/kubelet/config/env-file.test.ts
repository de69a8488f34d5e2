import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { variableIn } from './env-file.ts';

const shellWords = '$A $(B) `c` \\n "d" # = \\';
const good: { what: string; text: string; value: string | undefined; isForShells?: boolean }[] = [
  { what: 'a value in quotes', text: "A='1'\nX='two words'\nB='3'\n", value: 'two words' },
  { what: 'no end of the last line', text: "X='last'", value: 'last' },
  { what: 'blanks before the name', text: "   A='1'\n\t X='in'\n", value: 'in' },
  { what: 'blank lines and comments', text: "# one\n\n \t\n  # two\nX='3'\n", value: '3' },
  { what: 'a comment behind the value', text: "X='v' # not of it\n", value: 'v' },
  { what: 'nothing between the quotes', text: "X=''\n", value: '' },
  { what: 'blanks between the quotes', text: "X='  a  b  '\n", value: '  a  b  ' },
  { what: 'what means something to a shell', text: `X='${shellWords}'\n`, value: shellWords },
  { what: 'several lines', text: "A='a\nX=b'\nX='one\n\n  # two\nA=3 '\nB='4'\n", value: 'one\n\n  # two\nA=3 ' },
  { what: 'letters of the world', text: "X='Größe 🌍'\n", value: 'Größe 🌍' },
  { what: 'a blank before the value, which makes it none', text: "X= 'no'\n", value: '', isForShells: false },
  { what: 'another name', text: "XX='1'\nx='2'\n", value: undefined },
  { what: 'an empty file', text: '', value: undefined },
];

const bad: [what: string, text: string, message: string][] = [
  ['a line without =', "A='1'\nX\n", "at line 2: missing '='"],
  ['no name', "='1'\n", 'at line 1: empty variable name'],
  ['a blank behind the name', "X ='1'\n", "at line 1: whitespace before '=' is not allowed"],
  ['no quotes', '\nX=1\n', 'at line 2: value must be enclosed in single quotes'],
  ['no value', 'X=\n', 'at line 1: value must be enclosed in single quotes'],
  ['double quotes', 'X="1"\n', 'at line 1: value must be enclosed in single quotes'],
  ['a second value', "X='1''2'\n", 'at line 1: unexpected content after closing quote'],
  ['letters behind the value', "A='a\nb'c\nX='1'\n", 'at line 2: unexpected content after closing quote'],
  ['an open quote', "A='1'\nX='2\n3\n", 'starting at line 2: unclosed single quote'],
];

describe('a file of variables', () => {
  const folder = mkdtempSync(join(tmpdir(), 'env-file-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(good.map((one) => [one.what, one] as const))('may have %s', (_, { text, value }) => {
    expect(variableIn(text, 'X')).toBe(value);
  });

  it.each(good.filter(({ isForShells }) => isForShells ?? true).map((one) => [one.what, one] as const))(
    'says the same to a shell: %s',
    (_, { text, value }) => {
      const file = join(folder, 'file.env');
      writeFileSync(file, text);
      const script = `. ${file}; printf '%s' "\${X-absent}"`;
      expect(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8', env: {} })).toBe(value ?? 'absent');
    },
  );

  it.each(bad)('may not have %s', (_, text, message) => {
    expect(() => variableIn(text, 'X')).toThrow(`invalid environment variable format ${message}`);
  });

  it('is read to the variable and no further', () => {
    expect(variableIn("X='first'\nX='second'\nno variable\n", 'X')).toBe('first');
  });

  it('never says what it has', () => {
    for (const [, text] of bad) {
      const secret = text.replaceAll('1', 'hidden');
      expect(() => variableIn(secret, 'X')).not.toThrow('hidden');
    }
  });

  it('ends its lines as Windows does, too', () => {
    expect(variableIn("A='1'\r\nX='two\r\nlines'\r\n", 'X')).toBe('two\nlines');
  });
});
