import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nodes, pods } from '../api/generated/resources.ts';
import type { Node, Pod } from '../api/generated/types.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { RunCommand } from '../host/command.ts';
import { expiresSoon, inspectCertificate, splitPem } from '../pki/certificate.ts';
import { readText } from '../pki/files.ts';
import { type AdminClient, adminClient } from './admin-client.ts';
import { type ClusterLayout, nodeDir } from './layout.ts';
import { localNodes, virtualNetwork } from './local-nodes.ts';
import { memberLayout, readMembership } from './membership.ts';
import { controlPlaneServices, nodeServiceName } from './services.ts';
import { type Supervision, supervisionOf } from './supervision.ts';

/** Everything `status` knows of a cluster; the JSON of `--output json`. */
export interface ClusterStatus {
  cluster: string;
  /** All that should run and be ready does and is. */
  healthy: boolean;
  /** What is not as it should be, one line each. */
  problems: string[];
  services: ServiceReport[];
  server: { url: string; kubernetes?: string; checks: HealthCheck[] };
  nodes: NodeReport[];
  pods: { total: number; byPhase: Record<string, number> };
  certificates: CertificateReport[];
  addresses: { api: string; services: string; pods: string; dns: string; nodes: string };
  ports: { name: string; address: string; port: number }[];
  folders: Record<string, string>;
}

export interface ServiceReport {
  name: string;
  running: boolean;
  pid?: number;
  /** Of knarr. */
  version?: string;
  log: string;
}

export interface HealthCheck {
  endpoint: 'livez' | 'readyz';
  name: string;
  ok: boolean;
}

export interface NodeReport {
  name: string;
  ready: boolean;
  /** Why not. */
  reason?: string;
  /** Of the nodes of this machine: the link is down (`node partition`, `node stop`). */
  cutOff?: boolean;
  address: string;
  podCIDR: string;
  version: string;
  runtime: string;
}

export interface CertificateReport {
  name: string;
  file: string;
  notBefore: string;
  notAfter: string;
  daysLeft: number;
  state: 'valid' | 'renewal due' | 'expired';
}

export interface StatusDeps {
  clock: Clock;
  rng: Rng;
  log: Logger;
  run: RunCommand;
}

/** Looks at processes, files and, when it answers, the API. Never throws for what is broken: it says so. */
export async function clusterStatus(deps: StatusDeps, layout: ClusterLayout): Promise<ClusterStatus> {
  const names = await localNodes(layout);
  const member = await readMembership(memberLayout(layout.home, layout.name));
  const supervision = await supervisionOf(deps, layout);
  const services = await Promise.all(
    [...controlPlaneServices(layout), ...names.concat(member?.node ?? []).map(nodeServiceName)].map((name) =>
      serviceReport(supervision, name),
    ),
  );
  const certificates = await certificateReports(layout, names, deps.clock);
  const api = await askServer(deps, layout);
  const places = await virtualNetwork(deps, layout).layoutOf({ index: layout.index, nodes: names });
  const cutOff = places.nodes.filter((node) => node.isCutOff).map(({ name }) => name);
  const problems = [
    ...services.filter(({ running }) => !running).map(({ name, log }) => `${name} does not run (log: ${log})`),
    ...cutOff.map((name) => `the link of node ${name} is down (./knarr node heal ${name}, or start)`),
    ...certificates.filter(({ state }) => state === 'expired').map(({ name }) => `certificate ${name} has expired`),
    ...api.problems,
  ];
  const { network } = layout;
  return {
    cluster: layout.name,
    healthy: problems.length === 0,
    problems,
    services,
    server: { url: layout.apiUrl, kubernetes: api.version, checks: api.checks },
    nodes: api.nodes.map((node) => (cutOff.includes(node.name) ? { ...node, cutOff: true } : node)),
    pods: api.pods,
    certificates,
    addresses: {
      api: network.hostAddress,
      services: network.serviceCIDR,
      pods: network.podCIDR,
      dns: network.dnsAddress,
      nodes: network.fabricCIDR,
    },
    ports: ['127.0.0.1', network.hostAddress].map((address) => ({ name: 'api', address, port: layout.apiPort })),
    folders: {
      cluster: layout.dir,
      state: layout.stateDir,
      certificates: layout.pkiDir,
      logs: layout.logDir,
      kubeconfig: layout.kubeconfig,
      ...Object.fromEntries(names.map((name) => [`node ${name}`, nodeDir(layout, name)])),
    },
  };
}

async function serviceReport(supervision: Supervision, name: string): Promise<ServiceReport> {
  const { running, pid, build } = await supervision.status(name);
  return { name, running, pid, version: build?.version, log: supervision.logOf(name) };
}

interface ServerAnswers {
  version?: string;
  checks: HealthCheck[];
  nodes: NodeReport[];
  pods: ClusterStatus['pods'];
  problems: string[];
}

async function askServer(deps: StatusDeps, layout: ClusterLayout): Promise<ServerAnswers> {
  const none = { checks: [], nodes: [], pods: { total: 0, byPhase: {} } };
  const admin = await adminClient(layout, deps).catch(() => undefined);
  if (!admin) return { ...none, problems: ['the cluster has never been up: it has no kubeconfig'] };
  try {
    return await answersOf(admin);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ...none, problems: [`the API server at ${layout.apiUrl} does not answer: ${why}`] };
  } finally {
    admin.close();
  }
}

async function answersOf(admin: AdminClient): Promise<ServerAnswers> {
  const version = JSON.parse(await textOf(admin, '/version')) as { gitVersion: string };
  const checks = [
    ...parseChecks('livez', await textOf(admin, '/livez?verbose')),
    ...parseChecks('readyz', await textOf(admin, '/readyz?verbose')),
  ];
  const nodeReports = (await admin.client.list(nodes)).items.map(nodeReport);
  const podCounts = countPods((await admin.client.list(pods)).items);
  const problems = [
    ...checks.filter(({ ok }) => !ok).map(({ endpoint, name }) => `${endpoint} check ${name} fails`),
    ...nodeReports.filter(({ ready }) => !ready).map(({ name, reason }) => `node ${name} is not Ready: ${reason}`),
  ];
  return { version: version.gitVersion, checks, nodes: nodeReports, pods: podCounts, problems };
}

async function textOf(admin: AdminClient, path: string): Promise<string> {
  const { stream } = await admin.transport.raw('GET', path);
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** The lines of a verbose health answer: `[+]name ok`, `[-]name failed: why`. */
export function parseChecks(endpoint: HealthCheck['endpoint'], text: string): HealthCheck[] {
  return [...text.matchAll(/^\[([+-])\](\S+)/gm)].map(([, sign, name]) => ({
    endpoint,
    name: name as string,
    ok: sign === '+',
  }));
}

export function nodeReport(node: Node): NodeReport {
  const condition = node.status.conditions?.find(({ type }) => type === 'Ready');
  const ready = condition?.status === 'True';
  return {
    name: node.metadata.name,
    ready,
    ...(ready ? {} : { reason: condition?.message || condition?.reason || 'it has not reported yet' }),
    address: node.status.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
    podCIDR: node.spec?.podCIDR ?? '',
    version: node.status.nodeInfo?.kubeletVersion ?? '',
    runtime: node.status.nodeInfo?.containerRuntimeVersion ?? '',
  };
}

function countPods(all: Pod[]): ClusterStatus['pods'] {
  const byPhase: Record<string, number> = {};
  for (const { status } of all) {
    const phase = status.phase ?? 'Unknown';
    byPhase[phase] = (byPhase[phase] ?? 0) + 1;
  }
  return { total: all.length, byPhase };
}

/** Of the control plane, and of the nodes of this machine. */
async function certificateReports(
  layout: ClusterLayout,
  names: readonly string[],
  clock: Clock,
): Promise<CertificateReport[]> {
  const found: CertificateReport[] = [];
  const folders = [{ prefix: '', dir: layout.pkiDir }].concat(
    names.map((name) => ({ prefix: `${name} `, dir: join(nodeDir(layout, name), 'pki') })),
  );
  for (const { prefix, dir } of folders) {
    const files = (await readdir(dir).catch(() => [])).sort();
    for (const name of files) {
      // A node's copy of the CA is the same certificate again.
      if (!/\.(crt|pem)$/.test(name) || (prefix && name === 'ca.crt')) continue;
      const pem = splitPem((await readText(join(dir, name))) ?? '', 'CERTIFICATE')[0];
      if (pem)
        found.push(
          certificateReport({ name: `${prefix}${name.replace(/\.\w+$/, '')}`, file: join(dir, name) }, pem, clock),
        );
    }
  }
  return found;
}

export function certificateReport(of: { name: string; file: string }, pem: string, clock: Clock): CertificateReport {
  const { notBeforeMs, notAfterMs } = inspectCertificate(pem);
  const expired = clock.now() >= notAfterMs;
  return {
    ...of,
    notBefore: new Date(notBeforeMs).toISOString(),
    notAfter: new Date(notAfterMs).toISOString(),
    daysLeft: Math.floor((notAfterMs - clock.now()) / 86_400_000),
    state: expired ? 'expired' : expiresSoon(pem, clock) ? 'renewal due' : 'valid',
  };
}
