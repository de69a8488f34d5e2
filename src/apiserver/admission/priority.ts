import { priorityclasses } from '../../api/generated/resources.ts';
import type { Pod, PriorityClass } from '../../api/generated/types.ts';
import { type AdmissionContext, definePlugin, refused } from './plugin.ts';

/** Resolves a pod's priority class into its number; only one class may be the default. */
export const priority = definePlugin({
  name: 'Priority',
  verbs: ['create', 'update'],
  resources: ['pods', 'priorityclasses.scheduling.k8s.io'],
  admit(context) {
    if (context.resource !== 'pods') return;
    const pod = context.object as Pod;
    if (context.verb === 'create') return setPriority(context, pod);
    // Clients that leave the numbers out do not mean to change them.
    const old = context.old as Pod;
    pod.spec.priority ??= old.spec.priority;
    pod.spec.preemptionPolicy ??= old.spec.preemptionPolicy;
  },
  validate(context) {
    const { resource, object, name } = context;
    if (resource !== 'priorityclasses' || !(object as PriorityClass).globalDefault) return;
    const other = defaultClass(context);
    if (other && other.metadata.name !== name) {
      throw refused(
        context,
        `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
      );
    }
  },
});

function setPriority(context: AdmissionContext, pod: Pod): void {
  const { spec } = pod;
  const chosen = spec.priorityClassName ? classNamed(context, spec.priorityClassName) : defaultClass(context);
  const value = chosen?.value ?? 0;
  const policy = chosen?.preemptionPolicy ?? 'PreemptLowerPriority';
  if (chosen) spec.priorityClassName = chosen.metadata.name;
  const computed = 'priority admission controller computed';
  if (spec.priority !== undefined && spec.priority !== null && spec.priority !== value) {
    const given = `the integer value of priority (${spec.priority}) must not be provided in pod spec`;
    throw refused(context, `${given}; ${computed} ${value} from the given PriorityClass name`);
  }
  if (spec.preemptionPolicy && spec.preemptionPolicy !== policy) {
    const given = `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec`;
    throw refused(context, `${given}; ${computed} ${policy} from the given PriorityClass name`);
  }
  spec.priority = value;
  spec.preemptionPolicy = policy;
}

function classNamed(context: AdmissionContext, name: string): PriorityClass {
  const found = context.read.get(priorityclasses, '', name);
  if (!found) throw refused(context, `no PriorityClass with name ${name} was found`);
  return found;
}

/** Should there be several defaults after all, the lowest counts. */
function defaultClass({ read }: AdmissionContext): PriorityClass | undefined {
  const defaults = read.list(priorityclasses).filter((c) => c.globalDefault);
  return defaults.sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
}
