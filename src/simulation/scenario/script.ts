/** One step of a script: a command with words and `key=value` pairs, perhaps a body of YAML, and what was recorded of it. */
export interface Step {
  /** Comment lines before it, as they stand. */
  comments: readonly string[];
  /** The command as it stands. */
  line: string;
  /** Indented lines below the command. */
  body: string;
}

const divider = '----';

/**
 * The steps of a scenario file. Blocks are separated by blank lines; of each block the lines before `----` are comments
 * (`#`), the command and its body, those after it the recorded output.
 */
export function parseScript(text: string): Step[] {
  return text
    .split(/\n\s*\n/)
    .map((block) => block.split('\n').filter((line) => line.trim() !== ''))
    .filter((lines) => lines.length > 0)
    .map(stepOf);
}

function stepOf(lines: string[]): Step {
  const end = lines.indexOf(divider);
  const given = end < 0 ? lines : lines.slice(0, end);
  const comments = given.filter((line) => line.startsWith('#'));
  const [line = '', ...body] = given.filter((each) => !each.startsWith('#'));
  return { comments, line: line.trim(), body: body.join('\n') };
}

/** A scenario file: the steps with their outputs. A step without a command is a comment that stands alone. */
export function renderScript(steps: readonly (Step & { output?: readonly string[] })[]): string {
  const blocks = steps.map(({ comments, line, body, output }) => {
    const command = line ? [line, ...(body ? [body] : [])] : [];
    const recorded = line && output ? [divider, ...output] : [];
    return [...comments, ...command, ...recorded].join('\n');
  });
  return `${blocks.join('\n\n')}\n`;
}

/** The words of a command and its `key=value` pairs. A value may be in double quotes. */
export interface CommandLine {
  name: string;
  words: readonly string[];
  options: Readonly<Record<string, string>>;
}

export function parseLine(line: string): CommandLine {
  const parts = line.match(/(?:[^\s"]+|"[^"]*")+/g) ?? [];
  const [name = '', ...rest] = parts.map((part) => part.replaceAll('"', ''));
  const isOption = (part: string) => /^[\w./-]+=/.test(part);
  const options = rest.filter(isOption).map((part) => {
    const at = part.indexOf('=');
    return [part.slice(0, at), part.slice(at + 1)] as const;
  });
  return { name, words: rest.filter((part) => !isOption(part)), options: Object.fromEntries(options) };
}
