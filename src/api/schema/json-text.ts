/**
 * Where the string that begins at `start` ends: the index of its closing quote, or the text's length. Long strings are
 * leapt over: most of a large body is one.
 */
export function endOfJsonString(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); at >= 0; at = json.indexOf('"', at + 1)) {
    if (!isEscaped(json, at)) return at;
  }
  return json.length;
}

/** Whether an odd number of backslashes stands before it: an even one are escaped backslashes. */
function isEscaped(json: string, at: number): boolean {
  let first = at;
  while (json.charCodeAt(first - 1) === 0x5c) first--;
  return (at - first) % 2 === 1;
}
