import * as baseline from './baseline-checks.ts';
import type { Check, CheckedPod, Violation } from './checked-pod.ts';
import { type LevelVersion, minorOf } from './policy.ts';
import * as restricted from './restricted-checks.ts';

/** A control: what it checks since which minor release. */
interface Control {
  id: string;
  since: readonly (readonly [minor: number, check: Check])[];
  /** The baseline control that it stands in for. */
  instead?: string;
}

const sysctls = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
];
const sysctls27 = [...sysctls, 'net.ipv4.ip_local_reserved_ports'];
const sysctls29 = [
  ...sysctls27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
];
const sysctls32 = [...sysctls29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];

const seLinuxTypes = ['container_t', 'container_init_t', 'container_kvm_t'];

/** In the order in which messages name them: by their ids. */
const baselineControls: readonly Control[] = [
  { id: 'appArmorProfile', since: [[0, baseline.appArmorProfile]] },
  { id: 'capabilities_baseline', since: [[0, baseline.capabilitiesBaseline]] },
  { id: 'hostNamespaces', since: [[0, baseline.hostNamespaces]] },
  { id: 'hostPathVolumes', since: [[0, baseline.hostPathVolumes]] },
  { id: 'hostPorts', since: [[0, baseline.hostPorts]] },
  { id: 'hostProbesAndHostLifecycle', since: [[34, baseline.hostProbes]] },
  { id: 'privileged', since: [[0, baseline.privilegedContainers]] },
  {
    id: 'procMount',
    since: [
      [0, baseline.procMount],
      [35, baseline.unlessOwnUsers(baseline.procMount)],
    ],
  },
  {
    id: 'seLinuxOptions',
    since: [
      [0, baseline.seLinuxOptions(seLinuxTypes)],
      [31, baseline.seLinuxOptions([...seLinuxTypes, 'container_engine_t'])],
    ],
  },
  { id: 'seccompProfile_baseline', since: [[19, baseline.seccompProfileBaseline]] },
  {
    id: 'sysctls',
    since: [
      [0, baseline.sysctls(sysctls)],
      [27, baseline.sysctls(sysctls27)],
      [29, baseline.sysctls(sysctls29)],
      [32, baseline.sysctls(sysctls32)],
    ],
  },
  { id: 'windowsHostProcess', since: [[0, baseline.windowsHostProcess]] },
];

const restrictedControls: readonly Control[] = [
  {
    id: 'allowPrivilegeEscalation',
    since: [
      [8, restricted.allowPrivilegeEscalation],
      [25, restricted.unlessWindows(restricted.allowPrivilegeEscalation)],
    ],
  },
  {
    id: 'capabilities_restricted',
    instead: 'capabilities_baseline',
    since: [
      [22, restricted.capabilitiesRestricted],
      [25, restricted.unlessWindows(restricted.capabilitiesRestricted)],
    ],
  },
  { id: 'restrictedVolumes', instead: 'hostPathVolumes', since: [[0, restricted.restrictedVolumes]] },
  {
    id: 'runAsNonRoot',
    since: [
      [0, restricted.runAsNonRoot],
      [35, baseline.unlessOwnUsers(restricted.runAsNonRoot)],
    ],
  },
  {
    id: 'runAsUser',
    since: [
      [23, restricted.runAsUser],
      [35, baseline.unlessOwnUsers(restricted.runAsUser)],
    ],
  },
  {
    id: 'seccompProfile_restricted',
    instead: 'seccompProfile_baseline',
    since: [
      [19, restricted.seccompProfileRestricted],
      [25, restricted.unlessWindows(restricted.seccompProfileRestricted)],
    ],
  },
];

const checkAt = ({ since }: Control, minor: number): Check | undefined =>
  since.findLast(([from]) => from <= minor)?.[1];

/** What of a pod a level forbids, in the order of the controls. */
export function violationsOf(level: LevelVersion, pod: CheckedPod): Violation[] {
  if (level.level === 'privileged') return [];
  const minor = minorOf(level);
  const strict = level.level === 'restricted' ? restrictedControls.filter((control) => checkAt(control, minor)) : [];
  const replaced = new Set(strict.map(({ instead }) => instead));
  const controls = [...baselineControls.filter(({ id }) => !replaced.has(id)), ...strict];
  return controls.flatMap((control) => checkAt(control, minor)?.(pod) ?? []);
}

/** `privileged (container "a" must not …), hostPort (…)`. */
export const violationText = (violations: readonly Violation[]): string =>
  violations.map(({ reason, detail }) => (detail ? `${reason} (${detail})` : reason)).join(', ');
