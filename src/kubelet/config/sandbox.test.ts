import { describe, expect, it } from 'vitest';
import type { Pod, PodSpec } from '../../api/generated/types.ts';
import { hostsText } from '../hooks/hosts-file.ts';
import { ConfigError } from './config-error.ts';
import { dnsConfigOf, parseResolvConf } from './dns-config.ts';
import { hostnameOf } from './hostname.ts';
import { sandboxConfig } from './sandbox-config.ts';
import { containerSecurityContext } from './security-context.ts';

const podOf = (spec: Partial<PodSpec>, name = 'p'): Pod => ({
  metadata: { name, namespace: 'ns', uid: 'u' },
  spec: { containers: [{ name: 'c' }], ...spec },
  status: {},
});
const dns = { servers: ['10.96.0.10'], domain: 'cluster.local' };
const host = parseResolvConf('# x\nnameserver 192.0.2.53\nsearch corp.test\noptions ndots:2 rotate\n');

describe('resolv.conf', () => {
  it('asks the cluster first, and the pod may add to it', () => {
    const pod = podOf({
      dnsConfig: { searches: ['own.test'], options: [{ name: 'ndots', value: '3' }, { name: 'edns0' }] },
    });
    expect(dnsConfigOf(pod, dns, host)).toEqual({
      servers: ['10.96.0.10'],
      searches: ['ns.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'corp.test', 'own.test'],
      options: ['ndots:3', 'edns0'],
    });
  });

  it.each([
    [podOf({ dnsPolicy: 'Default' }), ['192.0.2.53']],
    [podOf({ hostNetwork: true }), ['192.0.2.53']],
    [podOf({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }), ['10.96.0.10']],
    [podOf({ dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.9'] } }), ['192.0.2.9']],
  ])('follows the policy', (pod, servers) => expect(dnsConfigOf(pod, dns, host).servers).toEqual(servers));
});

describe('names', () => {
  it('has a domain with a subdomain only, and at most 63 characters', () => {
    expect(hostnameOf(podOf({ hostname: 'h', subdomain: 's' }), 'cluster.local')).toEqual({
      hostname: 'h',
      domain: 's.ns.svc.cluster.local',
    });
    expect(hostnameOf(podOf({}, `${'a'.repeat(62)}-b`), 'cluster.local').hostname).toBe('a'.repeat(62));
  });

  it('writes /etc/hosts with aliases', () => {
    const pod = podOf({ subdomain: 's', hostAliases: [{ ip: '192.0.2.7', hostnames: ['foo', 'bar'] }] });
    const text = hostsText(pod, ['10.0.0.1'], { clusterDomain: 'cluster.local', hostText: '' });
    expect(text).toMatch(/^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n/);
    expect(text).toContain('10.0.0.1\tp.s.ns.svc.cluster.local\tp\n');
    expect(text).toMatch(/# Entries added by HostAliases\.\n192\.0\.2\.7\tfoo\tbar\n$/);
  });
});

describe('sandbox and security', () => {
  const around = { logDirectory: '/l', cgroupParent: '/c', dns: {}, clusterDomain: 'cluster.local' };

  it('maps host ports and sysctls', () => {
    const pod = podOf({
      containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 8080 }, { containerPort: 81 }] }],
      securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: '9' }] },
    });
    const config = sandboxConfig(pod, 2, around);
    expect(config).toMatchObject({
      metadata: { name: 'p', attempt: 2 },
      hostname: 'p',
      linux: { sysctls: { 'net.core.somaxconn': '9' } },
    });
    expect(config.portMappings).toEqual([{ protocol: 'TCP', containerPort: 80, hostPort: 8080 }]);
  });

  it('shares the namespaces that the pod asks for', () => {
    const options = (spec: Partial<PodSpec>) =>
      sandboxConfig(podOf(spec), 0, around).linux?.securityContext?.namespaceOptions;
    expect(options({})).toEqual({ network: 'POD', ipc: 'POD', pid: 'CONTAINER' });
    expect(options({ hostNetwork: true, hostPID: true, hostIPC: true })).toEqual({
      network: 'NODE',
      ipc: 'NODE',
      pid: 'NODE',
    });
    expect(options({ shareProcessNamespace: true })?.pid).toBe('POD');
  });

  it('lets the container override the pod, and refuses root where it must not be', () => {
    const pod = podOf({ securityContext: { runAsUser: 1, runAsGroup: 2, fsGroup: 3, supplementalGroups: [4] } });
    const own = {
      name: 'c',
      securityContext: { runAsUser: 9, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    };
    expect(containerSecurityContext(pod, own, { image: {} })).toMatchObject({
      runAsUser: { value: 9 },
      runAsGroup: { value: 2 },
      supplementalGroups: [4, 3],
      noNewPrivs: true,
      capabilities: { dropCapabilities: ['ALL'] },
      seccomp: { profileType: 'Unconfined' },
    });
    const nonRoot = { name: 'c', securityContext: { runAsNonRoot: true } };
    expect(() => containerSecurityContext(podOf({}), nonRoot, { image: {} })).toThrow(ConfigError);
    expect(() => containerSecurityContext(podOf({}), nonRoot, { image: { username: 'www' } })).toThrow(
      /non-numeric user/,
    );
    expect(containerSecurityContext(podOf({}), nonRoot, { image: { uid: 1000 } }).runAsUser).toEqual({ value: 1000 });
  });
});
