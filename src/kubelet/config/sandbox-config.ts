import type { DNSConfig, LinuxPodSandboxConfig, PodSandboxConfig, PortMapping } from '../../api/generated/cri.ts';
import type { Pod } from '../../api/generated/types.ts';
import { amountsOf } from '../../placement/resource-amounts.ts';
import { hostnameOf } from './hostname.ts';
import { gracePeriodAnnotation, podNameLabel, podNamespaceLabel, podUidLabel } from './labels.ts';
import { cpuPeriodUs, quotaOf, sharesOf } from './resources.ts';
import { sandboxSecurityContext } from './security-context.ts';

export interface SandboxSurroundings {
  logDirectory: string;
  cgroupParent: string;
  dns: DNSConfig;
  clusterDomain: string;
}

export function sandboxConfig(pod: Pod, attempt: number, around: SandboxSurroundings): PodSandboxConfig {
  const { name, namespace = '', uid = '', labels, annotations } = pod.metadata;
  const { hostNetwork, hostUsers, securityContext, terminationGracePeriodSeconds } = pod.spec;
  // Containers must not run as the node's root when they were promised not to.
  if (hostUsers === false) throw new Error('the container runtime does not support user namespaces');
  return {
    metadata: { name, namespace, uid, attempt },
    // A pod in the node's network keeps the node's name.
    hostname: hostNetwork ? '' : hostnameOf(pod, around.clusterDomain).hostname,
    logDirectory: around.logDirectory,
    dnsConfig: around.dns,
    portMappings: hostNetwork ? [] : portMappings(pod),
    labels: { ...labels, [podNameLabel]: name, [podNamespaceLabel]: namespace, [podUidLabel]: uid },
    annotations: { ...annotations, [gracePeriodAnnotation]: String(terminationGracePeriodSeconds ?? 30) },
    linux: {
      cgroupParent: around.cgroupParent,
      ...overheadOf(pod),
      securityContext: sandboxSecurityContext(pod),
      sysctls: Object.fromEntries((securityContext?.sysctls ?? []).map((sysctl) => [sysctl.name, sysctl.value])),
    },
  };
}

/** What the class of the pod's runtime adds for itself: runtimes in machines of their own make room for it. */
function overheadOf({ spec }: Pod): Pick<LinuxPodSandboxConfig, 'overhead'> {
  const { cpu, memory } = amountsOf(spec.overhead);
  if (!cpu && !memory) return {};
  return {
    overhead: {
      ...(cpu ? { cpuShares: sharesOf(cpu), cpuQuota: quotaOf(cpu), cpuPeriod: cpuPeriodUs } : {}),
      ...(memory ? { memoryLimitInBytes: memory } : {}),
    },
  };
}

function portMappings(pod: Pod): PortMapping[] {
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  return [...sidecars, ...pod.spec.containers]
    .flatMap((container) => container.ports ?? [])
    .filter((port) => port.hostPort)
    .map(({ protocol = 'TCP', containerPort, hostPort, hostIP }) => ({
      protocol,
      containerPort,
      hostPort,
      ...(hostIP ? { hostIp: hostIP } : {}),
    }));
}
