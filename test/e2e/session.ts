/**
 * A session: commands with what they say, as the recorded transcripts have it.
 *
 *     ## a note
 *     > cm.yaml            the file that the next commands read: the lines below, up to the next command
 *     $ [NAME=VALUE] kubectl ARGS       words, with quotes as in a shell
 *     --- exit N           0 when it is left out
 *     --- stdin | stdout | stderr
 *
 * What differs from run to run is written `<age>`, `<time>`, `<rand>`, `<uid>`, `<rv>`, `<ip>`, `<id>`, `<n>`, `<jwt>` or `<any>`
 * (the rest of a line); a line `...` stands for any lines. The width of columns and the number of
 * empty lines do not count.
 */
export interface SessionStep {
  args: string[];
  env: Record<string, string>;
  files: Record<string, string>;
  stdin: string;
  exit: number;
  stdout: string;
  stderr: string;
}

const blocks = ['stdin', 'stdout', 'stderr'] as const;

export function parseSession(text: string): SessionStep[] {
  const steps: SessionStep[] = [];
  let files: Record<string, string> = {};
  let append: (line: string) => void = () => undefined;
  for (const line of text.split('\n')) {
    const file = /^> (\S+)$/.exec(line)?.[1];
    const block = blocks.find((name) => line === `--- ${name}`);
    const exit = /^--- exit (\d+)$/.exec(line)?.[1];
    const command = /^\$ ((?:\w+=\S+ )*)kubectl ?(.*)$/.exec(line);
    const step = steps.at(-1);
    if (command) {
      const env = Object.fromEntries(words(command[1] ?? '').map((pair) => pair.split('=', 2) as [string, string]));
      const written = Object.entries(files).map(([name, text]) => [name, `${text.trimEnd()}\n`]);
      const said = { exit: 0, stdin: '', stdout: '', stderr: '' };
      steps.push({ args: words(command[2] ?? ''), env, files: Object.fromEntries(written), ...said });
      files = {};
      append = () => undefined;
    } else if (file) {
      files[file] = '';
      const into = files;
      append = (more) => (into[file] += `${more}\n`);
    } else if (block && step) append = (more) => (step[block] += `${more}\n`);
    else if (exit && step) step.exit = Number(exit);
    else if (!line.startsWith('## ')) append(line);
  }
  return steps;
}

/** Splits as a shell does: blanks, single and double quotes. */
export function words(text: string): string[] {
  const found = text.matchAll(/(?:[^\s'"]+|'[^']*'|"[^"]*")+/g);
  return [...found].map(([word]) => word.replace(/'([^']*)'|"([^"]*)"/g, (_, one, two) => one ?? two));
}

const patterns: Record<string, string> = {
  age: '(?:\\d+[ywdhms])+',
  time: '(?:\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z|\\w{3}, \\d\\d \\w{3} \\d{4} [\\d:]{8} \\+0000)',
  rand: '[a-z0-9]{4,10}',
  uid: '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}',
  rv: '\\d+',
  ip: '\\d+\\.\\d+\\.\\d+\\.\\d+',
  id: '[0-9a-f]{64}',
  n: '\\d+',
  jwt: '[\\w-]+\\.[\\w-]+\\.[\\w-]+',
  any: '.*',
};

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function lineMatches(expected: string, actual: string): boolean {
  const source = expected
    .split(/<(\w+)>/)
    .map((part, i) => (i % 2 === 0 ? escaped(part) : (patterns[part] ?? `<${part}>`)));
  return new RegExp(`^${source.join('')}$`).test(actual);
}

/** Blanks within a line are columns; before it, they mean something. */
const plain = (text: string): string[] =>
  managersInOrder(
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.trimEnd().replace(/(\S)(?: {2,}|\t)(?=\S)/g, '$1  '))
      .filter((line, i, lines) => line !== '' || lines[i - 1] !== ''),
  );

/**
 * Lines of YAML with the entries of `managedFields` by operation and manager. A server orders those of one operation by
 * time, in whole seconds: two writes of one command come in either order, as a second ends between them or does not.
 */
function managersInOrder(lines: string[]): string[] {
  const start = lines.findIndex((line) => /^ *managedFields:$/.test(line)) + 1;
  if (start === 0) return lines;
  const indent = /^ */.exec(lines[start] ?? '')?.[0] ?? '';
  const isInside = (line: string) => line.startsWith(`${indent}- `) || line.startsWith(`${indent}  `);
  const length = lines.slice(start).findIndex((line) => !isInside(line));
  const end = length < 0 ? lines.length : start + length;
  const entries: string[][] = [];
  for (const line of lines.slice(start, end))
    if (line.startsWith(`${indent}- `)) entries.push([line]);
    else entries.at(-1)?.push(line);
  const keyOf = (entry: string[]) => entry.filter((line) => /^ *(?:- )?(?:operation|manager): /.test(line)).reverse();
  entries.sort((a, b) => keyOf(a).join().localeCompare(keyOf(b).join()));
  return [...lines.slice(0, start), ...entries.flat(), ...lines.slice(end)];
}

/**
 * The actual text with each line that matches written as it is expected, so that only what differs shows in a comparison of
 * the two. Both are given back in the plain form.
 */
export function compare(expectedText: string, actualText: string): { expected: string; actual: string } {
  const expected = plain(expectedText);
  const actual = plain(actualText);
  const shown: string[] = [];
  let at = 0;
  for (let i = 0; i < expected.length; i += 1) {
    if (expected[i] === '...') {
      const next = expected[i + 1];
      while (at < actual.length && (next === undefined || !lineMatches(next, actual[at] ?? ''))) at += 1;
      shown.push('...');
      continue;
    }
    const line = actual[at];
    if (line === undefined) break;
    shown.push(lineMatches(expected[i] ?? '', line) ? (expected[i] ?? '') : line);
    at += 1;
  }
  return { expected: expected.join('\n'), actual: [...shown, ...actual.slice(at)].join('\n') };
}
