import { NewerFormatError } from '../cluster/folder-format.ts';
import { StepFailure } from '../cluster/step-failure.ts';
import { exitCodes } from './exit-codes.ts';
import { CommandFailure } from './surroundings.ts';

/** What a person is told of a failure, and the exit code; undefined for a fault of ours, which keeps its stack. */
export function explain(error: unknown): { lines: string[]; exitCode: number } | undefined {
  if (error instanceof CommandFailure) return { lines: [error.message], exitCode: error.exitCode };
  if (error instanceof NewerFormatError) return { lines: [error.message], exitCode: exitCodes.newer };
  if (error instanceof StepFailure) return { lines: [error.message, ...aboutStep(error)], exitCode: exitCodes.failed };
  return undefined;
}

function aboutStep({ logFile, logLines, next }: StepFailure): string[] {
  const log = logFile ? [`log: ${logFile}`] : [];
  return [...logLines.map((line) => `  | ${line}`), ...log, `next: ${next}`];
}
