import type { DNSConfig, PodSandboxConfig, PortMapping } from '../../api/generated/cri.ts';
import type { Pod } from '../../api/generated/types.ts';
import { hostnameOf } from './hostname.ts';
import { gracePeriodAnnotation, podNameLabel, podNamespaceLabel, podUidLabel } from './labels.ts';
import { sandboxSecurityContext } from './security-context.ts';

export interface SandboxSurroundings {
  logDirectory: string;
  cgroupParent: string;
  dns: DNSConfig;
  clusterDomain: string;
}

export function sandboxConfig(pod: Pod, attempt: number, around: SandboxSurroundings): PodSandboxConfig {
  const { name, namespace = '', uid = '', labels, annotations } = pod.metadata;
  const { hostNetwork, securityContext, terminationGracePeriodSeconds } = pod.spec;
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
      securityContext: sandboxSecurityContext(pod),
      sysctls: Object.fromEntries((securityContext?.sysctls ?? []).map((sysctl) => [sysctl.name, sysctl.value])),
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
