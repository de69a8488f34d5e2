import type { Status } from '../api/generated/types.ts';
import { reasonCodes, StatusError, type StatusReason } from '../api/meta/status-error.ts';

/** No connection to the server, or it was lost: try again. */
export function unavailable(message: string, cause?: unknown): StatusError {
  const { status } = StatusError.of('ServiceUnavailable', message, { retryAfterSeconds: 1 });
  return new StatusError(status, { cause });
}

/** The same for what a connection threw. Node's HTTP/2 wraps the reason, which is what a person needs to know. */
export function lost(error: unknown): StatusError {
  const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return unavailable(reason instanceof Error ? reason.message : String(reason), error);
}

/** The error of an answer with `code`: its Status when there is one, else what the code alone says. */
export function errorFromBody(code: number, text: string): StatusError {
  const status = parseStatus(text);
  if (status) return new StatusError(status);
  const reasons = Object.entries(reasonCodes) as [StatusReason, number][];
  const reason = reasons.find(([, c]) => c === code)?.[0];
  const message = text.trim().slice(0, 1000) || `the server answered ${code}`;
  if (reason) return StatusError.of(reason, message);
  return new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code });
}

function parseStatus(text: string): Status | undefined {
  try {
    const body = JSON.parse(text) as Status | null;
    return body?.kind === 'Status' ? body : undefined;
  } catch {
    return undefined;
  }
}
