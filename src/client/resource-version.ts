/**
 * Compares two resource versions of one resource: negative when `a` is older. They are decimal numbers without leading
 * zeros that may be larger than a double holds (KEP-5504). An unset version is the oldest.
 */
export function compareVersions(a = '', b = ''): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
