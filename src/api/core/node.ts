import type { Node } from '../generated/types.ts';
import { type CellRule, age, columns, field, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

const rolePrefix = 'node-role.kubernetes.io/';

/** Roles from labels `node-role.kubernetes.io/<role>` and `kubernetes.io/role=<role>`. */
const roles: CellRule<Node> = ({ metadata }) => {
  const found = new Set<string>();
  for (const [label, value] of Object.entries(metadata.labels ?? {})) {
    if (label.startsWith(rolePrefix)) found.add(label.slice(rolePrefix.length));
    else if (label === 'kubernetes.io/role') found.add(value);
  }
  found.delete('');
  return [...found].sort().join(',') || '<none>';
};

const status: CellRule<Node> = ({ spec, status }) => {
  const ready = status.conditions?.findLast((c) => c.type === 'Ready')?.status;
  const text = ready === undefined ? 'Unknown' : ready === 'True' ? 'Ready' : 'NotReady';
  return spec.unschedulable ? `${text},SchedulingDisabled` : text;
};

const address =
  (type: string): CellRule<Node> =>
  ({ status }) =>
    status.addresses?.find((a) => a.type === type)?.address ?? '<none>';

export const node = defineStrategy<Node>({
  keepsStatusOnCreate: true,
  cells: columns<Node>({
    Name: name,
    Status: status,
    Roles: roles,
    Age: age,
    Version: field('status.nodeInfo.kubeletVersion'),
    'Internal-IP': address('InternalIP'),
    'External-IP': address('ExternalIP'),
    'OS-Image': field('status.nodeInfo.osImage', '<unknown>'),
    'Kernel-Version': field('status.nodeInfo.kernelVersion', '<unknown>'),
    'Container-Runtime': field('status.nodeInfo.containerRuntimeVersion', '<unknown>'),
  }),
});
