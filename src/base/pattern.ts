import { RE2JS, RE2JSSyntaxException } from 're2js';

/** A regular expression in RE2's syntax: matching takes time linear in the text, whoever wrote the expression. */
export interface Pattern {
  /** Whether the expression matches anywhere in the text. */
  test(text: string): boolean;
  /** The first match from an index on with its groups; undefined: none. */
  find(text: string, from?: number): PatternMatch | undefined;
}

export interface PatternMatch {
  start: number;
  end: number;
  text: string;
}

/** What is wrong with an expression, in the words of Go's `regexp`. */
export class PatternError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PatternError';
  }
}

/** Throws `PatternError`. */
export function compilePattern(expression: string): Pattern {
  const compiled = compile(expression);
  return {
    test: (text) => compiled.test(text),
    find(text, from = 0) {
      const matcher = compiled.matcher(text);
      if (!matcher.find(from)) return undefined;
      return { start: matcher.start(), end: matcher.end(), text: matcher.group() ?? '' };
    },
  };
}

function compile(expression: string): RE2JS {
  try {
    return RE2JS.compile(expression);
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) throw new PatternError(error.message);
    throw error;
  }
}
