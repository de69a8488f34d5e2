/** storage.k8s.io: columns. */
import type { CSIDriver, VolumeAttachment } from '../generated/types.ts';
import { type CellRule, age, columns, count, field, joined, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

/** The name, marked when the annotation says that it is the default class. */
const nameWithDefault =
  (...annotations: string[]): CellRule =>
  ({ metadata }) =>
    annotations.some((a) => metadata.annotations?.[a] === 'true') ? `${metadata.name} (default)` : metadata.name;

export const storageClass = defineStrategy({
  cells: columns({
    Name: nameWithDefault(
      'storageclass.kubernetes.io/is-default-class',
      'storageclass.beta.kubernetes.io/is-default-class',
    ),
    Provisioner: field('provisioner'),
    ReclaimPolicy: field('reclaimPolicy', 'Delete'),
    VolumeBindingMode: field('volumeBindingMode', 'Immediate'),
    AllowVolumeExpansion: field('allowVolumeExpansion', false),
    Age: age,
  }),
});

export const volumeAttributesClass = defineStrategy({
  cells: columns({
    Name: nameWithDefault('storageclass.kubernetes.io/is-default-class'),
    DriverName: field('driverName'),
    Age: age,
  }),
});

export const csiDriver = defineStrategy<CSIDriver>({
  cells: columns<CSIDriver>({
    Name: name,
    AttachRequired: field('spec.attachRequired', true),
    PodInfoOnMount: field('spec.podInfoOnMount', false),
    StorageCapacity: field('spec.storageCapacity', false),
    TokenRequests: ({ spec }) => spec.tokenRequests?.map((t) => t.audience).join(',') ?? '<unset>',
    RequiresRepublish: field('spec.requiresRepublish', false),
    Modes: joined('spec.volumeLifecycleModes', '<none>'),
    Age: age,
  }),
});

export const csiNode = defineStrategy({
  cells: columns({ Name: name, Drivers: count('spec.drivers'), Age: age }),
});

export const csiStorageCapacity = defineStrategy({
  cells: columns({ Name: name, StorageClassName: field('storageClassName'), Capacity: field('capacity', '<unset>') }),
});

export const volumeAttachment = defineStrategy<VolumeAttachment>({
  cells: columns<VolumeAttachment>({
    Name: name,
    Attacher: field('spec.attacher'),
    PV: field('spec.source.persistentVolumeName'),
    Node: field('spec.nodeName'),
    Attached: field('status.attached', false),
    Age: age,
  }),
});
