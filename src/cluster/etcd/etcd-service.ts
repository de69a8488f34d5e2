import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Clock } from '../../base/clock.ts';
import { ensureEtcdPki } from '../../pki/etcd-pki.ts';
import { writePublic } from '../../pki/files.ts';
import type { ClusterLayout } from '../layout.ts';
import type { Prerequisite } from '../prerequisites.ts';
import { etcdServiceName } from '../services.ts';
import type { Service } from '../supervisor.ts';
import type { EtcdPlace } from './etcd-place.ts';

const program = '/usr/bin/etcd';

export const etcdPrerequisites: Prerequisite[] = [
  { anyOf: [program], debianPackage: 'etcd-server', why: 'keeps the state of several servers' },
  { anyOf: ['/usr/bin/etcdctl'], debianPackage: 'etcd-client', why: 'adds and removes its members' },
];

/** A cluster whose state is in an etcd of its own. */
export type EtcdLayout = ClusterLayout & { etcd: EtcdPlace };

export const hasEtcd = (layout: ClusterLayout): layout is EtcdLayout => layout.etcd !== undefined;

/** The member has been told whom it belongs with; from then on its data say it. */
export const isConfigured = ({ etcd }: EtcdLayout): boolean => existsSync(etcd.configFile);

/**
 * Writes the member's certificates and configuration, once. `others`: the members that it joins, by name and peer URL;
 * without them it is the first of an etcd of its own.
 */
export async function configureMember(
  deps: { clock: Clock },
  layout: EtcdLayout,
  others?: Record<string, string>,
): Promise<void> {
  const { etcd, pkiDir, name } = layout;
  await ensureEtcdPki(pkiDir, { clock: deps.clock, address: etcd.address });
  if (isConfigured(layout)) return;
  const members = Object.entries({ ...others, [etcd.name]: etcd.peerUrl });
  const secured = {
    'trusted-ca-file': join(pkiDir, 'etcd-ca.crt'),
    'cert-file': join(pkiDir, 'etcd.crt'),
    'key-file': join(pkiDir, 'etcd.key'),
    'client-cert-auth': true,
  };
  const config = {
    name: etcd.name,
    'data-dir': etcd.dataDir,
    'listen-client-urls': `${etcd.localUrl},${etcd.clientUrl}`,
    'advertise-client-urls': etcd.clientUrl,
    'listen-peer-urls': etcd.peerUrl,
    'initial-advertise-peer-urls': etcd.peerUrl,
    'initial-cluster': members.map((member) => member.join('=')).join(','),
    'initial-cluster-token': `knarr-${name}`,
    'initial-cluster-state': others ? 'existing' : 'new',
    'client-transport-security': secured,
    'peer-transport-security': secured,
    // Eight gigabytes: the most that etcd recommends. What is compacted is reused.
    'quota-backend-bytes': 8 * 1024 ** 3,
    logger: 'zap',
    'log-outputs': ['stderr'],
    'log-level': 'warn',
  };
  await writePublic(etcd.configFile, stringify(config));
}

/** Debian's, not ours: another build of knarr is no reason to start it again. */
const build = { version: 'any', id: '0' };

/** `etcd`, as it is supervised. */
export function etcdService({ etcd }: EtcdLayout): Service {
  // The package says so of every architecture but amd64.
  const env: Record<string, string> = process.arch === 'x64' ? {} : { ETCD_UNSUPPORTED_ARCH: process.arch };
  return { name: etcdServiceName, command: [program, '--config-file', etcd.configFile], build, env };
}
