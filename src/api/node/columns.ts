/** node.k8s.io: columns. */
import { age, columns, field, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

export const runtimeClass = defineStrategy({
  cells: columns({ Name: name, Handler: field('handler'), Age: age }),
});
