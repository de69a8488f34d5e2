import type { Condition } from '../../api/generated/types.ts';

/** A condition without the time since when it is so: who writes it knows what was there before. */
export type TimelessCondition = Omit<Condition, 'lastTransitionTime'>;

/** Makes the conditions of one object, as of its generation. */
export const conditionsOf =
  (generation: number | undefined) =>
  (type: string, isTrue: boolean, reason: string, message = ''): TimelessCondition => ({
    type,
    status: isTrue ? 'True' : 'False',
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    reason,
    message,
  });
