/** coordination.k8s.io: columns. */
import { age, columns, field, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

export const lease = defineStrategy({
  cells: columns({ Name: name, Holder: field('spec.holderIdentity'), Age: age }),
});

export const leaseCandidate = defineStrategy({
  cells: columns({
    Name: name,
    LeaseName: field('spec.leaseName'),
    BinaryVersion: field('spec.binaryVersion'),
    EmulationVersion: field('spec.emulationVersion'),
    Age: age,
  }),
});
