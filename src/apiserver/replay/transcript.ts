import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One request and the answer of a real API server (1.20), as it was recorded; `README.md` says what the tokens mean. */
export interface Exchange {
  /** Unique in its file. */
  name: string;
  group: string;
  request: { method: string; path: string; headers?: Record<string, string | null>; body?: unknown };
  response: { status: number; headers: Record<string, string>; body?: unknown };
  /** The body is a list of watch events. */
  stream?: boolean;
  note?: string;
}

export const transcript = (file: string): Exchange[] =>
  readFileSync(join(import.meta.dirname, 'testdata', `${file}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Exchange);
