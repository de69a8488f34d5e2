/** `--NAME VALUE` of the command line; a number where the fallback is one. */
export function option(name: string, fallback: number): number;
export function option(name: string, fallback: string): string;
export function option(name: string, fallback: number | string): number | string {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0) return fallback;
  const text = process.argv[at + 1];
  return typeof fallback === 'number' ? Number(text) : (text ?? fallback);
}
