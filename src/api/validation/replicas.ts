import { child, type FieldError, invalidValue, nonNegative } from './check.ts';

type Status = Record<string, number | undefined>;

/** What the counters of a status must be like. */
interface Counters {
  /** Members that are zero or more. */
  counts: string[];
  /** Members that are at most `replicas`. */
  ofAll?: string[];
  /** How messages call the number that `availableReplicas` is at most. */
  ready?: string;
}

/** Counters that controllers report, by kind. */
const kinds = {
  replicas: {
    counts: ['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration'],
    ofAll: ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'],
    ready: 'readyReplicas',
  },
  deployment: {
    counts: [
      'observedGeneration',
      'replicas',
      'updatedReplicas',
      'readyReplicas',
      'availableReplicas',
      'unavailableReplicas',
      'collisionCount',
    ],
    ofAll: ['updatedReplicas', 'readyReplicas', 'availableReplicas'],
    ready: 'readyReplicas',
  },
  daemonSet: {
    counts: [
      'currentNumberScheduled',
      'numberMisscheduled',
      'desiredNumberScheduled',
      'numberReady',
      'observedGeneration',
      'updatedNumberScheduled',
      'numberAvailable',
      'numberUnavailable',
      'collisionCount',
    ],
  },
  statefulSet: {
    counts: [
      'replicas',
      'readyReplicas',
      'currentReplicas',
      'updatedReplicas',
      'availableReplicas',
      'observedGeneration',
      'collisionCount',
    ],
    ofAll: ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'],
    ready: 'status.readyReplicas',
  },
  autoscaler: { counts: ['currentReplicas', 'desiredReplicas'] },
} satisfies Record<string, Counters>;

interface WithStatus {
  status?: object;
}

/** The rules of a status of a kind's counters. */
export const validateCounters =
  (kind: keyof typeof kinds) =>
  ({ status = {} }: WithStatus, { status: old = {} }: WithStatus): FieldError[] => {
    const { counts, ofAll = [], ready }: Counters = kinds[kind];
    const [now, before] = [status as Status, old as Status];
    const path = (member: string) => child('status', member);
    const errors = counts.flatMap((member) => nonNegative(path(member), now[member]));
    for (const member of ofAll)
      if ((now[member] ?? 0) > (now.replicas ?? 0))
        errors.push(invalidValue(path(member), now[member], 'cannot be greater than status.replicas'));
    if (ready && (now.availableReplicas ?? 0) > (now.readyReplicas ?? 0))
      errors.push(invalidValue(path('availableReplicas'), now.availableReplicas, `cannot be greater than ${ready}`));
    if (before.collisionCount !== undefined && (now.collisionCount ?? -1) < before.collisionCount)
      errors.push(invalidValue(path('collisionCount'), now.collisionCount ?? 0, 'cannot be decremented'));
    return errors;
  };
