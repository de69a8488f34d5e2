import { readFile, writeFile } from 'node:fs/promises';
import type { Pod } from '../../api/generated/types.ts';
import { hostnameOf } from '../config/hostname.ts';
import type { PodPaths } from '../pod-paths.ts';
import type { PodHook } from './hook.ts';

const localNames = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

/** The text of /etc/hosts; `hostText` is the node's own file, for pods in the node's network. */
export function hostsText(pod: Pod, podIps: readonly string[], { clusterDomain, hostText }: HostsInput): string {
  const parts: string[] = [];
  if (pod.spec.hostNetwork) {
    parts.push('# Kubernetes-managed hosts file (host network).\n', hostText);
  } else {
    const { hostname, domain } = hostnameOf(pod, clusterDomain);
    const names = domain && !hostname.endsWith(domain) ? `${hostname}.${domain}\t${hostname}` : hostname;
    parts.push('# Kubernetes-managed hosts file.\n', localNames, ...podIps.map((ip) => `${ip}\t${names}\n`));
  }
  const aliases = pod.spec.hostAliases ?? [];
  if (aliases.length > 0) parts.push('\n# Entries added by HostAliases.\n');
  for (const { ip, hostnames = [] } of aliases) parts.push(`${[ip, ...hostnames].join('\t')}\n`);
  return parts.join('');
}

export interface HostsInput {
  clusterDomain: string;
  hostText: string;
}

/** A hosts file of our own: the runtime would copy the machine's, with names of other worlds in it. */
export function hostsFileHook({ paths, clusterDomain }: { paths: PodPaths; clusterDomain: string }): PodHook {
  return {
    name: 'hosts-file',
    async mounts({ pod, container, podIps }) {
      if ((container.volumeMounts ?? []).some(({ mountPath }) => mountPath === '/etc/hosts')) return [];
      const file = paths.hostsFile(pod.metadata.uid ?? '');
      const hostText = pod.spec.hostNetwork ? await readFile('/etc/hosts', 'utf8').catch(() => '') : '';
      await writeFile(file, hostsText(pod, podIps, { clusterDomain, hostText }), { mode: 0o644 });
      return [{ hostPath: file, containerPath: '/etc/hosts', readonly: false }];
    },
  };
}
