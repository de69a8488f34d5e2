/** A text is no file of variables. Says where, never what: values may be secrets. */
export class EnvFileError extends Error {
  override readonly name = 'EnvFileError';

  constructor(where: string, what: string) {
    super(`invalid environment variable format ${where}: ${what}`);
  }
}

/**
 * The value of one variable in a text of `NAME='value'` lines; undefined when no line names it. A value stands in single quotes
 * and means itself, over several lines if it likes; lines that begin with # and what follows a value behind a # are comments.
 * No more of the shell's language is understood, and what stands after the variable is not looked at.
 * Source: KEP-3721, "Define Environment Variable Values Using An Init Container".
 */
export function variableIn(text: string, wanted: string): string | undefined {
  const lines = linesOf(text).entries();
  for (const [index, whole] of lines) {
    const line = withoutIndent(whole);
    if (line === '' || line.startsWith('#')) continue;
    const where = `at line ${index + 1}`;
    const { name, rest } = assignment(line, where);
    // To a shell this sets nothing: what follows the blank is a command.
    const value = /^[ \t]/.test(rest) ? '' : quoted(rest, index + 1, lines);
    if (name === wanted) return value;
  }
  return undefined;
}

/** As Go's scanner has them: the last line needs no end, and a carriage return before an end belongs to it. */
function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
}

const withoutIndent = (line: string): string => line.replace(/^[ \t]+/, '');

function assignment(line: string, where: string): { name: string; rest: string } {
  const equals = line.indexOf('=');
  if (equals < 0) throw new EnvFileError(where, "missing '='");
  const name = line.slice(0, equals);
  if (name === '') throw new EnvFileError(where, 'empty variable name');
  if (/[ \t]$/.test(name)) throw new EnvFileError(where, "whitespace before '=' is not allowed");
  return { name, rest: line.slice(equals + 1) };
}

/** What stands between the quotes. Takes further lines until it has found the second one. */
function quoted(rest: string, firstLine: number, further: Iterator<[number, string]>): string {
  if (!rest.startsWith("'")) throw new EnvFileError(`at line ${firstLine}`, 'value must be enclosed in single quotes');
  const parts: string[] = [];
  let [number, line] = [firstLine, rest.slice(1)];
  let end = line.indexOf("'");
  while (end < 0) {
    parts.push(line);
    const next = further.next();
    if (next.done) throw new EnvFileError(`starting at line ${firstLine}`, 'unclosed single quote');
    [number, line] = [next.value[0] + 1, next.value[1]];
    end = line.indexOf("'");
  }
  const after = withoutIndent(line.slice(end + 1));
  if (after !== '' && !after.startsWith('#'))
    throw new EnvFileError(`at line ${number}`, 'unexpected content after closing quote');
  return [...parts, line.slice(0, end)].join('\n');
}
