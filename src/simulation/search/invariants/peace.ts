import type { KubeObject } from '../../../api/resource.ts';
import type { Invariant } from '../invariant.ts';

/** Heartbeats and what nodes say of themselves. */
const ofNodes = new Set(['Lease', 'Node', 'CSINode']);

export const peace: Invariant = {
  name: 'nobody writes when there is nothing to do: controllers do not fight',
  afterRest(before, after) {
    const versions = (all: readonly KubeObject[]) =>
      new Map(
        all
          .filter(({ kind }) => !ofNodes.has(kind ?? ''))
          .map(({ kind, metadata }) => [
            `${kind} ${metadata.namespace ?? ''}/${metadata.name}`,
            `${metadata.uid} ${metadata.resourceVersion}`,
          ]),
      );
    const [old, now] = [versions(before.all), versions(after.all)];
    return [...new Set([...old.keys(), ...now.keys()])]
      .filter((key) => old.get(key) !== now.get(key))
      .map((key) => `${key} was written`);
  },
};
