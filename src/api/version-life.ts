import { release } from './generated/kinds.ts';
import type { Kind } from './kind.ts';
import { groupVersion } from './resource.ts';

const minorOf = (text: string): number => Number(text.replace(/^v?\d+\.(\d+).*$/, '$1'));

const later = (text: string, releases: number): string => `1.${minorOf(text) + releases}`;

/** Releases between a version that is not stable and its deprecation, and from there to its end (API deprecation policy). */
const step = 3;

/** When a version is deprecated and taken away, and what is to be used instead. Stable versions stay unless they say so. */
export function lifeOf(kind: Kind): { deprecated?: string; removed?: string; replacement?: string } {
  const { introduced, replacement } = kind;
  const isStable = kind.stability === 'GA';
  const deprecated = kind.deprecated ?? (introduced && !isStable ? later(introduced, step) : undefined);
  if (!deprecated) return {};
  const [group = '', version = '', name = ''] = replacement?.split(',') ?? [];
  return {
    deprecated,
    removed: kind.removed ?? later(deprecated, step),
    ...(replacement ? { replacement: `${groupVersion({ group, version })} ${name}` } : {}),
  };
}

/** Whether this release is that one or a later one. */
export const isReached = (text: string): boolean => minorOf(text) <= minorOf(release);
