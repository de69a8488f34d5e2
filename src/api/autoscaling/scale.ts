import type { Scale } from '../generated/types.ts';
import type { Kind } from '../kind.ts';
import { age, type CellRule, columns, name } from '../meta/columns.ts';
import { defineStrategy, type Strategy } from '../strategy.ts';

/** How the scale of any resource is shown: not the way of the resource itself. */
export const scaleView: { kind: Pick<Kind, 'columns'>; strategy: Strategy } = {
  kind: {
    columns: [
      { name: 'Name', type: 'string', format: 'name' },
      { name: 'Desired', type: 'integer' },
      { name: 'Available', type: 'integer' },
      { name: 'Age', type: 'string' },
    ],
  },
  strategy: defineStrategy<Scale>({
    cells: columns<Scale>({
      Name: name,
      Desired: (({ spec }) => spec.replicas ?? 0) as CellRule<Scale>,
      Available: (({ status }) => status.replicas) as CellRule<Scale>,
      Age: age,
    }),
  }),
};
