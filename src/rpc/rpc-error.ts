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

export type RpcErrorCode = Exclude<(typeof codes)[number], 'OK'>;

/**
 * A call failed. `code` decides what to do; the message is the other side's own sentence, for people.
 * containerd answers most failures of runc, of CNI and of a registry with `Unknown`.
 */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: RpcErrorCode;

  constructor(code: RpcErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A failure of grpc-js (`code` a number, `details` a text) as a RpcError; anything else becomes `Unknown`. */
export function rpcErrorFrom(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const { code, details } = (error ?? {}) as { code?: unknown; details?: unknown };
  const name = typeof code === 'number' ? codes[code] : undefined;
  const text = typeof details === 'string' && details !== '' ? details : String((error as Error)?.message ?? error);
  return new RpcError(name === undefined || name === 'OK' ? 'Unknown' : name, text, { cause: error });
}

/** True for a RpcError with one of these codes. */
export function hasRpcCode(error: unknown, ...wanted: RpcErrorCode[]): error is RpcError {
  return error instanceof RpcError && wanted.includes(error.code);
}
