const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

/**
 * From which length on a duration is told in which units. The second unit is left out where it is zero; without one the
 * rest is dropped.
 */
const steps: { below: number; unit: [number, string]; rest?: [number, string] }[] = [
  { below: 2 * minute, unit: [second, 's'] },
  { below: 10 * minute, unit: [minute, 'm'], rest: [second, 's'] },
  { below: 3 * hour, unit: [minute, 'm'] },
  { below: 8 * hour, unit: [hour, 'h'], rest: [minute, 'm'] },
  { below: 2 * day, unit: [hour, 'h'] },
  { below: 8 * day, unit: [day, 'd'], rest: [hour, 'h'] },
  { below: 2 * year, unit: [day, 'd'] },
  { below: 8 * year, unit: [year, 'y'], rest: [day, 'd'] },
  { below: Number.POSITIVE_INFINITY, unit: [year, 'y'] },
];

/**
 * A duration (milliseconds) as Kubernetes prints ages: `5s`, `3m20s`, `2d3h`. Up to two seconds below zero count as
 * `0s`, for clocks that differ a little; anything earlier is `<invalid>`.
 */
export function humanDuration(ms: number): string {
  if (ms <= -2 * second) return '<invalid>';
  const length = Math.max(ms, 0);
  const step = steps.find((s) => length < s.below) as (typeof steps)[number];
  const [size, sign] = step.unit;
  const text = `${Math.floor(length / size)}${sign}`;
  if (!step.rest) return text;
  const rest = Math.floor((length % size) / step.rest[0]);
  return rest === 0 ? text : `${text}${rest}${step.rest[1]}`;
}
