/** Values that differ from run to run. */
const volatile: [RegExp, string][] = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, '<time>'],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>'],
  [/("resourceVersion\\?":\\?")\d+/g, '$1<rv>'],
  [/(resourceVersion: .* ≠ ")\d+/g, '$1<rv>'],
  [/(resourceVersion: \\")\d+/g, '$1<rv>'],
  [/(ResourceVersion in record) \(\d+\)/g, '$1 (<rv>)'],
  [/(current: )\d+/g, '$1<rv>'],
  [/ey[\w-]+\.ey[\w-]+\.[\w-]+/g, '<jwt>'],
  [/eyJ2Ijoi[\w-]+/g, '<continue>'],
  [/(kube-api-access-|x-?)[bcdfghjklmnpqrstvwxz2456789]{5}(?=")/g, '$1<rand>'],
  [/10\.96\.\d+\.\d+/g, '<clusterIP>'],
  [/\b3[0-2]\d{3}\b/g, '<nodePort>'],
  [/127\.0\.0\.1:\d+/g, '<server>'],
  [/("(?:kid|x|y)\\?":\\?")[\w-]{43}/g, '$1<key>'],
];

/** Longer lines say no more. */
const maxLine = 300;

/** A difference without what differs from run to run. */
export function masked(line: string): string {
  const text = volatile.reduce((t, [pattern, mask]) => t.replace(pattern, mask), line);
  return text.length > maxLine ? `${text.slice(0, maxLine)}…` : text;
}
