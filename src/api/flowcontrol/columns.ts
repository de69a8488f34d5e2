/** flowcontrol.apiserver.k8s.io: columns. */
import type { FlowSchema } from '../generated/types.ts';
import { age, columns, field, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

export const flowSchema = defineStrategy<FlowSchema>({
  cells: columns<FlowSchema>({
    Name: name,
    PriorityLevel: field('spec.priorityLevelConfiguration.name'),
    MatchingPrecedence: field('spec.matchingPrecedence', 0),
    DistinguisherMethod: field('spec.distinguisherMethod.type', '<none>'),
    Age: age,
    MissingPL: ({ status }) => status.conditions?.find((c) => c.type === 'Dangling')?.status ?? '?',
  }),
});

const queuing = 'spec.limited.limitResponse.queuing';
export const priorityLevelConfiguration = defineStrategy({
  cells: columns({
    Name: name,
    Type: field('spec.type'),
    NominalConcurrencyShares: field('spec.limited.nominalConcurrencyShares', '<none>'),
    Queues: field(`${queuing}.queues`, '<none>'),
    HandSize: field(`${queuing}.handSize`, '<none>'),
    QueueLengthLimit: field(`${queuing}.queueLengthLimit`, '<none>'),
    Age: age,
  }),
});
