/** The workload kinds: their columns, and little else; the template's pods are another kind's concern. */
import type { ControllerRevision, Deployment, ReplicaSet, StatefulSet } from '../generated/types.ts';
import { templateWarnings } from '../core/pod-warnings.ts';
import { type CellRule, age, columns, containersAt, field, name, selectorAt, selectorText } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

/** Columns that all kinds with a pod template end with. */
export const templateColumns = {
  Containers: containersAt('spec.template.spec.containers', 'name'),
  Images: containersAt('spec.template.spec.containers', 'image'),
};

const readyOfWanted: CellRule<Deployment | StatefulSet> = ({ spec, status }) =>
  `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`;

export const deployment = defineStrategy<Deployment>({
  warnings: ({ spec }) => templateWarnings(spec.template),
  cells: columns<Deployment>({
    Name: name,
    Ready: readyOfWanted,
    'Up-to-date': field('status.updatedReplicas', 0),
    Available: field('status.availableReplicas', 0),
    Age: age,
    ...templateColumns,
    Selector: ({ spec }) => selectorText(spec.selector) ?? '<invalid>',
  }),
});

export const replicaSet = defineStrategy<ReplicaSet>({
  warnings: ({ spec }) => templateWarnings(spec.template),
  cells: columns<ReplicaSet>({
    Name: name,
    Desired: field('spec.replicas', 0),
    Current: field('status.replicas', 0),
    Ready: field('status.readyReplicas', 0),
    Age: age,
    ...templateColumns,
    Selector: selectorAt('spec.selector'),
  }),
});

export const statefulSet = defineStrategy<StatefulSet>({
  warnings: ({ spec }) => templateWarnings(spec.template),
  cells: columns<StatefulSet>({ Name: name, Ready: readyOfWanted, Age: age, ...templateColumns }),
});

/** `daemonset.apps/name` of the owner that controls the revision. */
const controller: CellRule<ControllerRevision> = ({ metadata }) => {
  const owner = metadata.ownerReferences?.find((reference) => reference.controller);
  if (!owner) return '<none>';
  const [group] = owner.apiVersion.includes('/') ? owner.apiVersion.split('/') : [''];
  return `${[owner.kind, group].filter(Boolean).join('.').toLowerCase()}/${owner.name}`;
};

export const controllerRevision = defineStrategy<ControllerRevision>({
  cells: columns<ControllerRevision>({ Name: name, Controller: controller, Revision: field('revision', 0), Age: age }),
});
