/** The gRPC status codes by name, in the order of their numbers (grpc.io/docs/guides/status-codes). */
const codes = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
] as const;

export type RuntimeErrorCode = Exclude<(typeof codes)[number], 'OK'>;

/**
 * A call to the container runtime failed. `code` decides what to do; the message is the runtime's own sentence, for people.
 * containerd answers most failures of runc, of CNI and of a registry with `Unknown`.
 */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
  readonly code: RuntimeErrorCode;

  constructor(code: RuntimeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A failure of grpc-js (`code` a number, `details` a text) as a RuntimeError; anything else becomes `Unknown`. */
export function runtimeErrorFrom(error: unknown): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const { code, details } = (error ?? {}) as { code?: unknown; details?: unknown };
  const name = typeof code === 'number' ? codes[code] : undefined;
  const text = typeof details === 'string' && details !== '' ? details : String((error as Error)?.message ?? error);
  return new RuntimeError(name === undefined || name === 'OK' ? 'Unknown' : name, text, { cause: error });
}

/** True for a RuntimeError with one of these codes. */
export function hasRuntimeCode(error: unknown, ...wanted: RuntimeErrorCode[]): error is RuntimeError {
  return error instanceof RuntimeError && wanted.includes(error.code);
}
