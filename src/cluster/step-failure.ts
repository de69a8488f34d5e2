/** A step of a command failed; says where to read more and what to try next. */
export class StepFailure extends Error {
  /** A file, or the command that shows the log. */
  readonly logFile: string | undefined;
  /** The last lines of the log that say something. */
  readonly logLines: string[];
  readonly next: string;

  constructor(message: string, about: { logFile?: string; logLines?: string[]; next: string; cause?: unknown }) {
    super(message, { cause: about.cause });
    this.name = 'StepFailure';
    this.logFile = about.logFile;
    this.logLines = about.logLines ?? [];
    this.next = about.next;
  }
}

const shownLines = 5;

/** Puts the end of a log into the error of what was waited for. */
export function failureWithLog(error: unknown, log: { name: string; text: string }, next: string): StepFailure {
  if (error instanceof StepFailure) return error;
  const logLines = tellingLines(log.text.slice(-65_536), shownLines);
  const message = error instanceof Error ? error.message : String(error);
  return new StepFailure(message, { logFile: log.name, logLines, next, cause: error });
}

/** The last lines of a log that are worth showing: warnings and errors of ours, and whatever else a program has said. */
export function tellingLines(text: string, count: number): string[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^\s+at |^Node\.js v/.test(line));
  return lines.flatMap(tellingLine).slice(-count);
}

function tellingLine(line: string): string[] {
  if (!line.startsWith('{')) return [line];
  try {
    const { level, msg, err, error } = JSON.parse(line) as Record<string, unknown>;
    if (typeof level === 'number' && level < 40) return [];
    const why = error ?? (err as { message?: unknown } | undefined)?.message;
    return [why === undefined ? String(msg) : `${msg}: ${why}`];
  } catch {
    return [line];
  }
}
