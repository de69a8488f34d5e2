import { servedGroups } from '../../api/generated/kinds.ts';
import type { GroupVersions } from '../../api/kind.ts';
import { compareVersions } from '../../api/meta/version-order.ts';
import { customPriorities, type Priorities, prioritiesOf } from './local-services.ts';

type Prioritized = Priorities & { group: string; version: string };

const ownPriorities = (own: GroupVersions, version: string): Priorities =>
  servedGroups.some(({ group }) => group === own.group) ? prioritiesOf(own, version) : customPriorities;

/** The groups of this server and of others in the order in which discovery shows them: by priority, then by name. */
export function groupsInOrder(own: readonly GroupVersions[], others: readonly Prioritized[]): readonly GroupVersions[] {
  if (others.length === 0) return own;
  const all = new Map<string, Prioritized>();
  for (const served of own)
    for (const version of served.versions)
      all.set(`${served.group}/${version}`, { group: served.group, version, ...ownPriorities(served, version) });
  for (const other of others) all.set(`${other.group}/${other.version}`, other);
  const groups = new Map<string, Prioritized[]>();
  for (const one of all.values()) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return [...groups]
    .map(([group, versions]) => ({
      group,
      priority: Math.max(...versions.map(({ groupPriorityMinimum }) => groupPriorityMinimum)),
      versions: versions
        .sort((a, b) => b.versionPriority - a.versionPriority || compareVersions(a.version, b.version))
        .map(({ version }) => version),
    }))
    .sort((a, b) => b.priority - a.priority || (a.group < b.group ? -1 : 1))
    .map(({ group, versions }) => ({ group, versions }));
}
