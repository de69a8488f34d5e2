import type { Status, StatusCause } from '../generated/types.ts';
import { groupResource } from '../resource.ts';

/** The API's own reasons (metav1.StatusReason) with their HTTP codes. */
export const reasonCodes = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
  ServerTimeout: 500,
} as const;
export type StatusReason = keyof typeof reasonCodes;

type GroupResource = { group: string; resource: string };

/** The one error of the API: its `status` is what the client gets, its reason what code branches on. */
export class StatusError extends Error {
  readonly status: Status;

  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? status.reason ?? 'unknown error', options);
    this.name = 'StatusError';
    this.status = status;
  }

  get reason(): StatusReason | '' {
    return (this.status.reason ?? '') as StatusReason | '';
  }

  get code(): number {
    return this.status.code ?? 500;
  }

  static of(reason: StatusReason, message: string, details?: Status['details']): StatusError {
    return new StatusError({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(details ? { details } : {}),
      code: reasonCodes[reason],
    });
  }
}

const details = (r: GroupResource, name: string): Status['details'] => ({
  name,
  ...(r.group ? { group: r.group } : {}),
  kind: r.resource,
});

export const notFound = (r: GroupResource, name: string): StatusError =>
  StatusError.of('NotFound', `${groupResource(r)} "${name}" not found`, details(r, name));

/** `deleting`: what is there is on its way out. */
export const alreadyExists = (r: GroupResource, name: string, deleting = false): StatusError =>
  StatusError.of(
    'AlreadyExists',
    `${deleting ? 'object is being deleted: ' : ''}${groupResource(r)} "${name}" already exists`,
    details(r, name),
  );

export const conflict = (r: GroupResource, name: string, why: string): StatusError =>
  StatusError.of(
    'Conflict',
    `Operation cannot be fulfilled on ${groupResource(r)} "${name}": ${why}`,
    details(r, name),
  );

/** Every generated name that was tried is taken. */
export const nameConflict = (r: GroupResource, name: string): StatusError =>
  StatusError.of(
    'AlreadyExists',
    `${groupResource(r)} "${name}" already exists, the server was not able to generate a unique name for the object`,
    { ...details(r, name), retryAfterSeconds: 1 },
  );

/** The object moved on since the writer read it. */
export const staleObject = (r: GroupResource, name: string): StatusError =>
  conflict(r, name, 'the object has been modified; please apply your changes to the latest version and try again');

export const badRequest = (message: string): StatusError => StatusError.of('BadRequest', message);

/** The asked revision is no longer in the event window: list again. */
export const expired = (message: string): StatusError => StatusError.of('Expired', message);

export const internalError = (cause: unknown): StatusError => {
  const message = cause instanceof Error ? cause.message : String(cause);
  const status = StatusError.of('InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
  return new StatusError(status.status, { cause });
};

/** One failed rule. `type` is the cause's reason, e.g. `FieldValueInvalid`; `message` the text after the path. */
export interface FieldError {
  type: string;
  field: string;
  message: string;
}

/** 422 with every failed rule; duplicates are removed, one error stands without brackets. */
export function invalid(kind: { group: string; kind: string }, name: string, errors: FieldError[]): StatusError {
  const texts = [...new Set(errors.map((e) => `${e.field}: ${e.message}`))];
  const qualified = kind.group ? `${kind.kind}.${kind.group}` : kind.kind;
  const causes: StatusCause[] = errors.map((e) => ({
    reason: e.type as StatusCause['reason'],
    message: e.message,
    field: e.field,
  }));
  return StatusError.of(
    'Invalid',
    `${qualified} "${name}" is invalid: ${texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`}`,
    {
      ...(name ? { name } : {}),
      ...(kind.group ? { group: kind.group } : {}),
      ...(kind.kind ? { kind: kind.kind } : {}),
      causes,
    },
  );
}

const hasReason =
  (...reasons: StatusReason[]) =>
  (error: unknown): boolean =>
    error instanceof StatusError && reasons.includes(error.reason as StatusReason);

export const isNotFound = hasReason('NotFound');
export const isAlreadyExists = hasReason('AlreadyExists');
export const isConflict = hasReason('Conflict');
export const isExpired = hasReason('Expired', 'Gone');
export const isInvalid = hasReason('Invalid');
export const isTooManyRequests = hasReason('TooManyRequests');
