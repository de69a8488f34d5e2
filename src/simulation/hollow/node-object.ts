import type { NodeStatus } from '../../api/generated/types.ts';
import { timeText } from '../../kubelet/status/time-text.ts';
import { declaredFeatures, kubeletVersion } from '../../kubelet/node/node-object.ts';
import type { HollowNodeSpec } from './node-spec.ts';

/** A common machine; generous, so that small tests never run out of room. */
const defaultCapacity = { cpu: '32', memory: '128Gi', 'ephemeral-storage': '500Gi', pods: '110' };

const hollowLabel = 'knarr.dev/hollow';

export const hollowLabels = (name: string): Record<string, string> => ({
  'kubernetes.io/hostname': name,
  'kubernetes.io/os': 'linux',
  'kubernetes.io/arch': 'amd64',
  // Nothing runs here, and nobody shall think so.
  [hollowLabel]: 'true',
});

const healthy: [type: string, status: 'True' | 'False', reason: string, message: string][] = [
  ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ['Ready', 'True', 'KubeletReady', 'hollow kubelet is posting ready status'],
];

/** The status of a healthy node. `old` gives the transition times. */
export function hollowStatus(spec: HollowNodeSpec, { nowMs, old }: { nowMs: number; old?: NodeStatus }): NodeStatus {
  const capacity = { ...defaultCapacity, ...spec.capacity };
  const conditions = healthy.map(([type, status, reason, message]) => {
    const before = old?.conditions?.find((condition) => condition.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : timeText(nowMs);
    return { type, status, lastHeartbeatTime: timeText(nowMs), lastTransitionTime, reason, message };
  });
  return {
    capacity,
    allocatable: capacity,
    conditions,
    addresses: [
      { type: 'InternalIP', address: spec.address },
      { type: 'Hostname', address: spec.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
    nodeInfo: {
      machineID: `hollow-${spec.name}`,
      systemUUID: `hollow-${spec.name}`,
      bootID: `hollow-${spec.name}`,
      kernelVersion: 'hollow',
      osImage: 'hollow',
      containerRuntimeVersion: 'hollow://1',
      kubeletVersion,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: 'amd64',
    },
    declaredFeatures,
  };
}
