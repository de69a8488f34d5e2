import type { Lease, LeaseCandidate, LeaseCandidateSpec } from '../generated/types.ts';
import { configMapKey, qualifiedName } from '../meta/name-format.ts';
import {
  child,
  type FieldError,
  forbidden,
  immutable,
  invalidValue,
  keyFormatted,
  nonNegative,
  oneOf,
  positive,
  required,
} from './check.ts';

const oldest = 'OldestEmulationVersion';

/** One of Kubernetes' own ways to choose a leader, or one with a domain. The path names it twice, as Kubernetes does. */
const strategy = (path: string, name: string): FieldError[] =>
  name.includes('/')
    ? keyFormatted(child(path, 'strategy'), name, qualifiedName)
    : oneOf(child(path, 'strategy'), name, [oldest]);

export function validateLease({ spec }: Lease): FieldError[] {
  const errors = positive('spec.leaseDurationSeconds', spec.leaseDurationSeconds);
  errors.push(...nonNegative('spec.leaseTransitions', spec.leaseTransitions));
  if (spec.strategy !== undefined) errors.push(...strategy('spec.strategy', spec.strategy));
  if (spec.preferredHolder && !spec.strategy)
    errors.push(forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined'));
  return errors;
}

const versionShape =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

/** The numbers of a semantic version; undefined for other texts. */
const numbersOf = (text: string): number[] | undefined => versionShape.exec(text)?.slice(1, 4).map(Number);

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((number, i) => number !== b[i]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}

export function validateLeaseCandidate({ metadata, spec }: LeaseCandidate): FieldError[] {
  const errors = keyFormatted('metadata.name', metadata.name, configMapKey);
  if (!spec.leaseName) errors.push(required('spec.leaseName'));
  errors.push(...versions(spec));
  if (!spec.strategy) return [...errors, required('spec.strategy')];
  if (spec.strategy === oldest && !numbersOf(spec.emulationVersion ?? '')?.some((number) => number > 0))
    errors.push(required('spec.emulationVersion', "must be specified when `strategy` is 'OldestEmulationVersion'"));
  return [...errors, ...strategy('spec.strategy', spec.strategy)];
}

function versions({ emulationVersion = '', binaryVersion }: LeaseCandidateSpec): FieldError[] {
  const errors: FieldError[] = [];
  const [emulated, binary] = [numbersOf(emulationVersion), numbersOf(binaryVersion ?? '')];
  const wrong = (member: string, value: string, text: string) =>
    errors.push(invalidValue(child('spec', member), value, text));
  if (emulationVersion && !emulated) wrong('emulationVersion', emulationVersion, 'must be a valid semantic version');
  if (!binaryVersion) errors.push(required('spec.binaryVersion'));
  else if (!binary) wrong('binaryVersion', binaryVersion, 'must be a valid semantic version');
  if (emulated && isLess(binary ?? [0, 0, 0], emulated) && binaryVersion)
    wrong('binaryVersion', binaryVersion, 'must be greater than or equal to `emulationVersion`');
  return errors;
}

export const validateLeaseCandidateUpdate = (
  { spec }: LeaseCandidate,
  { spec: old }: Readonly<LeaseCandidate>,
): FieldError[] => immutable('spec.leaseName', spec.leaseName, old.leaseName);
