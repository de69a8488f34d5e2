/** Milliseconds, or text as Go and people write it: `500ms`, `30s`, `10m`, `1h30m`, `2d`. */
export type Duration = number | string;

const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const part = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;
const whole = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;

/** Throws for text that is no duration. */
export function durationMs(duration: Duration): number {
  if (typeof duration === 'number') return duration;
  if (!whole.test(duration)) throw new Error(`"${duration}" is no duration: write 500ms, 30s, 10m, 1h30m or 2d`);
  let ms = 0;
  for (const [, amount, unit] of duration.matchAll(part)) ms += Number(amount) * (unitMs[unit as string] as number);
  return ms;
}
