import { fnv1a } from '../base/hash.ts';
import type { PodTemplateSpec } from '../api/generated/types.ts';
import { sameJson } from './same-json.ts';

export const hashLabel = 'pod-template-hash';
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** A short stable name of a template; `collisionCount` changes it when two templates met. */
export function templateHash(template: PodTemplateSpec, collisionCount = 0): string {
  const text = JSON.stringify(sorted(template)) + (collisionCount > 0 ? String(collisionCount) : '');
  const digits = String(fnv1a(text));
  return Array.from(digits, (d) => alphabet[d.charCodeAt(0) % alphabet.length]).join('');
}

/** Whether two templates are the same apart from the label that names them. */
export const isSameTemplate = (a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean =>
  sameJson(sorted(withoutHash(a)), sorted(withoutHash(b)));

export function withoutHash(template: PodTemplateSpec | undefined): PodTemplateSpec {
  const { [hashLabel]: _, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...(template?.metadata as { name: string }), labels } };
}

/** Members in order, null and absent alike. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, v]) => v !== undefined && v !== null);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([k, v]) => [k, sorted(v)]));
}
