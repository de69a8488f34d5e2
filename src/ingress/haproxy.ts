import { createHash } from 'node:crypto';
import { fnv1a } from '../base/hash.ts';
import type { Pieces } from '../base/pieces.ts';
import { Conditions, hostVariable } from './conditions.ts';
import { mirrorFile, mirrorLine, mirrorPort, mirrorPreamble, mirrorProgram, mirrorServerLines } from './mirror.ts';
import type { Mirror, ProxyModel, ProxyPort, ServedCertificate, Target } from './model.ts';
import { targetLines } from './target.ts';

/** On this port of the proxy's pod its readiness is asked for, and which files it serves. */
export const healthPort = 61_999;
/** Those of a proxy's pod that no listener may have. */
export const isOwnPort = (port: number): boolean => port === healthPort || port === mirrorPort;

export const configurationFile = 'haproxy.cfg';
/** Holds a hash of all the other files, which the proxy answers with on its port for health. */
export const versionFile = 'version';

/** The image of a proxy, and the folder in which it finds its files. */
export const proxyImage = 'knarr.local/haproxy:1';
export const configurationDir = '/etc/haproxy';

/**
 * After a change clients' connections stay with the old process for one more answer, ten minutes and twenty changes at
 * most: none is closed while its client may be asking. A request that met a server which was just going is sent once more
 * when that does no harm; a refused connection always, as the next one leads to another pod.
 */
const preambleOf = ({ programs }: { programs: string[] }): string => `global
  log stdout format raw local0 notice
  fd-hard-limit 20000
  hard-stop-after 10m
  mworker-max-reloads 20
  ssl-default-bind-options ssl-min-ver TLSv1.2
  tune.ssl.default-dh-param 2048
${programs.map((path) => `  lua-load-per-thread ${path}\n`).join('')}
defaults
  mode http
  log global
  option forwardfor
  option idle-close-on-response
  timeout http-request 10s
  timeout http-keep-alive 60s
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
  timeout client-fin 30s
  retries 2
  retry-on conn-failure empty-response

backend no-route
  http-request return status 404
`;

/** The files of haproxy (2.6 or later) that do what the model says, by name; `dir` is where haproxy finds them. */
export function* renderHaproxy({ ports }: ProxyModel, { dir }: { dir: string }): Pieces<Record<string, string>> {
  const backends = new Backends();
  const files: Record<string, string> = {};
  const frontends: string[] = [];
  for (const port of ports) {
    const certificates = port.certificates && certificateFiles(port.certificates, dir);
    const list = `certificates-${port.port}`;
    if (certificates) Object.assign(files, certificates.files, { [list]: certificates.list });
    const isStrict = port.certificates?.every(({ names }) => names.length > 0);
    const tls = certificates ? ` ssl crt-list ${dir}/${list} alpn h2,http/1.1${isStrict ? ' strict-sni' : ''}` : '';
    frontends.push(yield* frontend(port, { tls, backends }));
  }
  const { targets, mirrors } = backends;
  const isMirroring = mirrors.size > 0;
  if (isMirroring) files[mirrorFile] = mirrorProgram;
  const first = [preambleOf({ programs: isMirroring ? [`${dir}/${mirrorFile}`] : [] }), ...frontends];
  const last = isMirroring ? [mirrorPreamble, ...sectionsOf(mirrors)] : [];
  const sections = [...first, ...sectionsOf(targets)];
  yield;
  const hash = createHash('sha256').update(JSON.stringify(files));
  for (const section of [...sections, ...last]) hash.update(section);
  yield;
  const version = hash.digest('hex').slice(0, 16);
  const text = [...sections, health(version), ...last].join('\n');
  return { ...files, [configurationFile]: text, [versionFile]: version };
}

const sectionsOf = (bodies: ReadonlyMap<string, string>): string[] =>
  [...bodies].map(([name, body]) => `backend ${name}\n${body}\n`);

const health = (version: string): string => `frontend health
  bind :${healthPort}
  http-request return status 200 content-type text/plain string ${version}
`;

function* frontend(model: ProxyPort, { tls, backends }: { tls: string; backends: Backends }): Pieces<string> {
  const { port, routes } = model;
  const isTls = tls !== '';
  const conditions = new Conditions();
  const uses: string[] = [];
  for (const route of routes) {
    yield;
    const condition = conditions.of(route);
    const name = backends.of(route.target, { port, isTls });
    uses.push(`  use_backend ${name}${condition ? ` if ${condition}` : ''}`);
  }
  return `${[
    `frontend port-${port}`,
    `  bind :${port}${tls}`,
    `  http-request set-var(${hostVariable}) req.hdr(host),host_only,lower`,
    `  http-request set-header X-Forwarded-Proto ${isTls ? 'https' : 'http'}`,
    '  http-request disable-l7-retry if !METH_GET',
    ...conditions.lines,
    ...uses,
    '  default_backend no-route',
  ].join('\n')}\n`;
}

/** Backends by names that follow from their content: what did not change keeps its own, and targets that are the same are one. */
class Backends {
  readonly targets = new Map<string, string>();
  readonly mirrors = new Map<string, string>();
  /** Of targets that are the same on every port. */
  readonly #known = new Map<Target, string>();

  of(target: Target, socket: { port: number; isTls: boolean }): string {
    const known = this.#known.get(target);
    if (known) return known;
    const mirrors = target.mirrors?.map((mirror) => mirrorLine(mirror, this.#mirror(mirror))) ?? [];
    const name = named(this.targets, 'b', [...mirrors, ...targetLines(target, socket)]);
    if (!target.redirect) this.#known.set(target, name);
    return name;
  }

  #mirror = (mirror: Mirror): string => named(this.mirrors, 'm', mirrorServerLines(mirror));
}

function named(bodies: Map<string, string>, kind: string, lines: readonly string[]): string {
  const body = lines.map((line) => `  ${line}`).join('\n');
  const name = `${kind}-${hashOf(body)}`;
  bodies.set(name, body);
  return name;
}

const hashOf = (text: string): string => `${hex(fnv1a(text))}${hex(fnv1a(text, 1))}`;
const hex = (value: number): string => value.toString(16).padStart(8, '0');

function certificateFiles(certificates: readonly ServedCertificate[], dir: string) {
  const files: Record<string, string> = {};
  // The first of the list is for everybody who is not in it.
  const inOrder = [...certificates].sort((a, b) => Math.sign(a.names.length) - Math.sign(b.names.length));
  const lines = inOrder.map(({ names, pem }) => {
    const file = `tls-${hashOf(pem)}.pem`;
    files[file] = pem;
    return [`${dir}/${file}`, ...names].join(' ');
  });
  return { files, list: `${lines.join('\n')}\n` };
}
