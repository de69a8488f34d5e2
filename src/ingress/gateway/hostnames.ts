import type { HostPattern } from '../model.ts';

/** `*.` stands for one label or more here (Hostname of Gateway API); absent is every host. */
export function patternOf(hostname: string | undefined): HostPattern | undefined {
  const name = hostname?.toLowerCase();
  if (!name) return undefined;
  return name.startsWith('*.') ? { name: name.slice(2), before: 'labels' } : { name, before: 'nothing' };
}

/** The hosts that are both: undefined inside is every host, `none` is no host at all. */
export function intersection(a: HostPattern | undefined, b: HostPattern | undefined): HostPattern | undefined | 'none' {
  if (!a || !b) return a ?? b;
  if (covers(a, b)) return b;
  return covers(b, a) ? a : 'none';
}

/** Whether every host of `inner` is one of `outer`. */
export function covers(outer: HostPattern | undefined, inner: HostPattern | undefined): boolean {
  if (!outer) return true;
  if (!inner) return false;
  if (outer.before === 'nothing') return inner.before === 'nothing' && inner.name === outer.name;
  const isSame = inner.before !== 'nothing' && inner.name === outer.name;
  return isSame || inner.name.endsWith(`.${outer.name}`);
}

export const isSameHost = (a: HostPattern | undefined, b: HostPattern | undefined): boolean =>
  a?.name === b?.name && a?.before === b?.before;
