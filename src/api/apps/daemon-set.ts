import { isDeepStrictEqual } from 'node:util';
import { templateWarnings } from '../core/pod-warnings.ts';
import type { DaemonSet } from '../generated/types.ts';
import { age, columns, field, labelsAt, name, selectorAt } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';
import { templateColumns } from './columns.ts';

/** Counts the changes of the template; apps/v1 has it as an annotation only. */
const templateGeneration = 'deprecated.daemonset.template.generation';

const setGeneration = (set: DaemonSet, generation: number): void => {
  set.metadata.annotations = { ...set.metadata.annotations, [templateGeneration]: String(generation) };
};

const generationOf = (set: Readonly<DaemonSet>): number => Number(set.metadata.annotations?.[templateGeneration]) || 0;

export const daemonSet = defineStrategy<DaemonSet>({
  prepareForCreate(set) {
    setGeneration(set, Math.max(generationOf(set), 1));
  },
  prepareForUpdate(set, old) {
    const changed = !isDeepStrictEqual(set.spec.template, old.spec.template);
    setGeneration(set, generationOf(old) + (changed ? 1 : 0));
  },
  warnings: ({ spec }) => templateWarnings(spec.template),
  cells: columns<DaemonSet>({
    Name: name,
    Desired: field('status.desiredNumberScheduled', 0),
    Current: field('status.currentNumberScheduled', 0),
    Ready: field('status.numberReady', 0),
    'Up-to-date': field('status.updatedNumberScheduled', 0),
    Available: field('status.numberAvailable', 0),
    'Node Selector': labelsAt('spec.template.spec.nodeSelector'),
    Age: age,
    ...templateColumns,
    Selector: selectorAt('spec.selector'),
  }),
});
