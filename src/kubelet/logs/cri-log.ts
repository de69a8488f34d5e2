/** One line of a CRI log file: `<RFC3339Nano> stdout|stderr P|F <text>`. */
export interface LogLine {
  /** As written, with nanoseconds. */
  time: string;
  stream: 'stdout' | 'stderr';
  /** The text; a full line ends with its newline, a part (a long line is cut by the runtime) does not. */
  content: string;
}

/** undefined for what is no log line (an empty or torn one). */
export function parseLogLine(line: string): LogLine | undefined {
  const first = line.indexOf(' ');
  const second = line.indexOf(' ', first + 1);
  const third = line.indexOf(' ', second + 1);
  if (first < 0 || second < 0) return undefined;
  const stream = line.slice(first + 1, second);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  // Tags are separated by colons, the first is P or F. An empty text may lack its space.
  const tag = line.slice(second + 1, third < 0 ? undefined : third).split(':')[0];
  const text = third < 0 ? '' : line.slice(third + 1);
  return { time: line.slice(0, first), stream, content: tag === 'P' ? text : `${text}\n` };
}
