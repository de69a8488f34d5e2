/** What is wrong with an expression, and where: an offset in its text. */
export interface Issue {
  at: number;
  message: string;
}

/** An expression that does not compile. The message shows each place, as cel-go does. */
export class CompileError extends Error {
  readonly issues: readonly Issue[];

  constructor(text: string, issues: readonly Issue[]) {
    super(issues.map((issue) => show(text, issue)).join('\n'));
    this.name = 'CompileError';
    this.issues = issues;
  }
}

/** An expression that compiles but for a constant that cannot be what it is made to be: `int('a')`. */
export class InstantiationError extends CompileError {
  constructor(why: string) {
    super('', []);
    this.name = 'InstantiationError';
    this.message = `program instantiation failed: ${why}`;
  }
}

function show(text: string, { at, message }: Issue): string {
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  const column = at - (before.lastIndexOf('\n') + 1);
  const source = text.split('\n')[line - 1] ?? '';
  return `ERROR: <input>:${line}:${column + 1}: ${message}\n | ${source}\n | ${'.'.repeat(column)}^`;
}

/** A value that has no result: `no such key: x`, `division by zero`. Expressions can step over it (`||`, `&&`). */
export class EvaluationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EvaluationError';
  }
}

/** An evaluation that cost more than it may; nothing steps over it. */
export class CostError extends Error {
  constructor() {
    super('operation cancelled: actual cost limit exceeded');
    this.name = 'CostError';
  }
}
