const words: Record<string, string> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'connect: connection timed out',
};

/** Why no connection was made, in the words of Go's `net`, which is what events of Kubernetes say. */
export function dialError(error: unknown, host: string, port: number | string): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = words[code ?? ''];
  if (why) return new Error(`dial tcp ${host}:${port}: ${why}`, { cause: error });
  // The other side closed the connection without a word.
  if (code === 'ECONNRESET') return new Error('EOF', { cause: error });
  return new Error(message, { cause: error });
}
