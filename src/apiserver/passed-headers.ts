export type HeaderValues = Record<string, string | string[]>;

/** Between two neighbours only (RFC 9110 §7.6.1), or the client's credentials for this server. */
const dropped = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'authorization',
]);

/** Headers by which one server tells another who the client is, or the client whom it acts for: not the client's to send on. */
export const identity = /^(?:impersonate-|x-remote-)/;

/** The headers that go on, in either direction. */
export function passedOn(headers: Readonly<Record<string, string | string[] | undefined>>): HeaderValues {
  const kept: HeaderValues = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || dropped.has(name) || name.startsWith(':') || identity.test(name)) continue;
    kept[name] = value;
  }
  return kept;
}
