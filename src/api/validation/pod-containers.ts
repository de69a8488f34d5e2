import type { Container, ContainerRestartRule, EphemeralContainer, Lifecycle, PodSpec } from '../generated/types.ts';
import {
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  invalidValue,
  missing,
  notSupported,
  oneOf,
  required,
  tooMany,
} from './check.ts';
import { hostPortConflicts, type PodContext, validateContainer } from './container.ts';
import { validateHooksAndProbes } from './probe.ts';

const restartPolicies = ['Always', 'Never', 'OnFailure'];

/** The containers of all three lists. */
export const validateContainers = (pod: PodContext, path: string): FieldError[] => [
  ...containers(pod, child(path, 'containers')),
  ...initContainers(pod, child(path, 'initContainers')),
  ...ephemeralContainers(pod, child(path, 'ephemeralContainers')),
];

function containers(pod: PodContext, path: string): FieldError[] {
  const { spec } = pod;
  if (!spec.containers?.length) return [required(path)];
  const names = new Set<string>();
  const errors = each(spec.containers, path, (container, p) => {
    const own = validateContainer(container, p, pod);
    if (names.has(container.name)) own.push(duplicate(child(p, 'name'), container.name));
    names.add(container.name);
    own.push(...validateHooksAndProbes(container, p, spec.terminationGracePeriodSeconds ?? 0));
    own.push(...stopSignal(container.lifecycle, spec, child(p, 'lifecycle.stopSignal')));
    return [...own, ...restartRules(container, p)];
  });
  return [...errors, ...hostPortConflicts(spec.containers, path)];
}

function initContainers(pod: PodContext, path: string): FieldError[] {
  const { spec } = pod;
  const names = new Set((spec.containers ?? []).map((container) => container.name));
  return each(spec.initContainers, path, (container, p, i) => {
    const errors = validateContainer(container, p, pod);
    errors.push(...restartRules(container, p));
    if (names.has(container.name)) errors.push(duplicate(child(p, 'name'), container.name));
    names.add(container.name);
    // They run one after the other: each may have the ports of the one before.
    errors.push(...hostPortConflicts([container], path, i));
    if (container.restartPolicy !== 'Always') return [...errors, ...endsByItself(container, p)];
    return [
      ...errors,
      ...validateHooksAndProbes(container, p, spec.terminationGracePeriodSeconds ?? 0),
      ...stopSignal(container.lifecycle, spec, child(p, 'lifecycle.stopSignal')),
    ];
  });
}

/** An init container that ends has neither hooks nor probes. */
function endsByItself(container: Container, path: string): FieldError[] {
  const members = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;
  const errors = members
    .filter((member) => container[member])
    .map((member) => forbidden(child(path, member), 'may not be set for init containers without restartPolicy=Always'));
  // It may grow while it runs, but what it has done is not done again for it (InPlacePodVerticalScalingInitContainers).
  const policies = each(container.resizePolicy, child(path, 'resizePolicy'), ({ restartPolicy }, p) =>
    restartPolicy === 'RestartContainer'
      ? [invalidValue(child(p, 'restartPolicy'), restartPolicy, 'must not be set for non-sidecar init containers')]
      : [],
  );
  return [...errors, ...policies];
}

const maxRules = 20;
const maxExitCodes = 255;

/** A container's own restart policy, and the rules that refine it (KEP-5307); sidecars may have some, too (KEP-5532). */
function restartRules({ restartPolicy, restartPolicyRules: rules = [] }: Container, path: string): FieldError[] {
  const at = child(path, 'restartPolicyRules');
  if (restartPolicy === undefined)
    return rules.length > 0
      ? [required(child(path, 'restartPolicy'), 'must specify restartPolicy when restart rules are used')]
      : [];
  const errors = oneOf(child(path, 'restartPolicy'), restartPolicy, restartPolicies);
  if (rules.length > maxRules) errors.push(tooMany(at, rules.length, maxRules));
  return [...errors, ...each(rules, at, restartRule)];
}

function restartRule({ action, exitCodes }: ContainerRestartRule, path: string): FieldError[] {
  // The message of 1.36 names but one of the actions.
  const isKnown = action === 'Restart' || action === 'RestartAllContainers';
  const errors = isKnown ? [] : [notSupported(child(path, 'action'), action ?? '', ['Restart'])];
  if (!exitCodes) return [...errors, required(child(path, 'exitCodes'), 'must be specified')];
  const { operator, values = [] } = exitCodes;
  if (operator !== 'In' && operator !== 'NotIn')
    errors.push(notSupported(child(path, 'exitCodes.operator'), operator ?? '', ['In', 'NotIn']));
  if (values.length > maxExitCodes) errors.push(tooMany(child(path, 'exitCodes.values'), values.length, maxExitCodes));
  return errors;
}

const linuxSignals =
  'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT RTMAX RTMAX-1 RTMAX-10 RTMAX-11 RTMAX-12 RTMAX-13 RTMAX-14 RTMAX-2 RTMAX-3 RTMAX-4 RTMAX-5 RTMAX-6 RTMAX-7 RTMAX-8 RTMAX-9 RTMIN RTMIN+1 RTMIN+10 RTMIN+11 RTMIN+12 RTMIN+13 RTMIN+14 RTMIN+15 RTMIN+2 RTMIN+3 RTMIN+4 RTMIN+5 RTMIN+6 RTMIN+7 RTMIN+8 RTMIN+9 SEGV STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ';
const signals: Record<string, string[]> = {
  linux: linuxSignals.split(' ').map((name) => `SIG${name}`),
  windows: ['SIGKILL', 'SIGTERM'],
};

/** The signal that ends a container: one that the pod's system has (KEP-4960). */
function stopSignal(lifecycle: Lifecycle | undefined, { os }: PodSpec, path: string): FieldError[] {
  const signal = lifecycle?.stopSignal;
  if (signal === undefined) return [];
  if (!os) return [forbidden(path, 'may not be set for containers with empty `spec.os.name`')];
  return signals[os.name] ? oneOf(path, signal, signals[os.name] ?? []) : [];
}

/** What a container for debugging may not have: others of the pod could come to depend on it. */
const barred = [
  'ports',
  'resources',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
];
const notForDebugging = 'cannot be set for an Ephemeral Container';

function ephemeralContainers(pod: PodContext, path: string): FieldError[] {
  const { spec } = pod;
  const others = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name));
  const names = new Set(others);
  return each(spec.ephemeralContainers, path, (container, p) => {
    const errors = [...validateContainer(container, p, pod), ...untrimmedImage(container, p)];
    if (names.has(container.name)) errors.push(duplicate(child(p, 'name'), container.name));
    names.add(container.name);
    const target = container.targetContainerName;
    if (target && !others.has(target)) errors.push(missing(child(p, 'targetContainerName'), target));
    return [...errors, ...onlyForDebugging(container, p)];
  });
}

function onlyForDebugging(container: EphemeralContainer, path: string): FieldError[] {
  const given = container as unknown as Record<string, object | undefined>;
  const isSet = (name: string) =>
    given[name] !== undefined && (name !== 'resources' || Object.keys(given[name] as object).length > 0);
  const errors = barred.filter(isSet).map((name) => forbidden(child(path, name), notForDebugging));
  return [
    ...errors,
    ...each(container.volumeMounts, child(path, 'volumeMounts'), (mount, p) =>
      (['subPath', 'subPathExpr'] as const)
        .filter((member) => mount[member])
        .map((member) => forbidden(child(p, member), notForDebugging)),
    ),
  ];
}

/** In templates such images are tolerated: some fill them in later. */
export const untrimmedImage = ({ image = '' }: Container, path: string): FieldError[] =>
  image === image.trim()
    ? []
    : [invalidValue(child(path, 'image'), image, 'must not have leading or trailing whitespace')];
