import { prefixOf } from './conditions.ts';
import type { HeaderChanges, PathChange, Redirect, Rewrite, Server, Target } from './model.ts';
import { literal, word } from './words.ts';

/** Where the path is as it came, while the request is changed. */
const pathVariable = 'txn.path';
const largestWeight = 256;

/** The lines of the backend of a target, without its name. `port` and `isTls`: of the socket that requests come by. */
export function targetLines(target: Target, socket: { port: number; isTls: boolean }): string[] {
  const { requestHeaders = [], responseHeaders = [], rewrite, redirect, timeoutMs } = target;
  return [
    ...(timeoutMs === undefined ? [] : [`timeout server ${timeoutMs}ms`]),
    ...requestHeaders.flatMap((changes) => headerLines('http-request', changes)),
    // Of redirects and errors, too.
    ...responseHeaders.flatMap((changes) => headerLines('http-after-response', changes)),
    ...(redirect ? redirectLines(redirect, socket) : [...serverShare(target), ...rewriteLines(rewrite ?? {})]),
    ...(redirect ? [] : serverLines(target.servers ?? [])),
  ];
}

function headerLines(rule: string, { set = [], add = [], remove = [] }: HeaderChanges): string[] {
  return [
    ...set.map(({ name, value }) => `${rule} set-header ${name} ${word(literal(value))}`),
    ...add.map(({ name, value }) => `${rule} add-header ${name} ${word(literal(value))}`),
    ...remove.map((name) => `${rule} del-header ${name}`),
  ];
}

const keepPath = `http-request set-var(${pathVariable}) path`;

function rewriteLines({ host, path }: Rewrite): string[] {
  return [
    ...(host ? [`http-request set-header Host ${word(literal(host))}`] : []),
    ...(path ? [keepPath] : []),
    ...(path ? pathForms(path, 'path').map(({ format, when }) => `http-request set-path ${word(format)}${when}`) : []),
  ];
}

/** The new path as a log format, `sample` being what is changed: the path, or the path and what follows it. */
function pathForms(change: PathChange, sample: 'path' | 'pathq'): { format: string; when: string }[] {
  if ('full' in change) {
    const query = sample === 'pathq' ? `%[${queryOf}]` : '';
    return [{ format: `${literal(change.full)}${query}`, when: '' }];
  }
  const [prefix, replacement] = [prefixOf(change.prefix), prefixOf(change.replacement)];
  const rest = `%[${sample},bytes(${Buffer.byteLength(prefix)})]`;
  const test = (how: string, text: string) => ` if { var(${pathVariable}) -m ${how} -- ${word(text)} }`;
  return [
    ...(prefix ? [{ format: `${literal(replacement) || '/'}${rest}`, when: test('str', prefix) }] : []),
    { format: `${literal(replacement)}${rest}`, when: test('beg', `${prefix}/`) },
  ];
}

/** `?` and the query, or nothing. */
const queryOf = `pathq,regsub('^[^?]*','')`;

const usualPorts: Record<string, number> = { http: 80, https: 443 };

function redirectLines(redirect: Redirect, socket: { port: number; isTls: boolean }): string[] {
  const own = socket.isTls ? 'https' : 'http';
  const scheme = redirect.scheme ?? own;
  const port = redirect.port ?? (redirect.scheme ? usualPorts[scheme] : socket.port);
  const host = redirect.host ? literal(redirect.host) : '%[req.hdr(host),host_only]';
  const base = `${scheme}://${host}${port === undefined || port === usualPorts[scheme] ? '' : `:${port}`}`;
  const forms = redirect.path ? pathForms(redirect.path, 'pathq') : [{ format: '%[pathq]', when: '' }];
  return [
    keepPath,
    ...forms.map(
      ({ format, when }) => `http-request redirect location ${word(`${base}${format}`)} code ${redirect.status}${when}`,
    ),
  ];
}

/** As many requests as have no server get an answer that says so. */
function serverShare({ servers = [], failing }: Target): string[] {
  const good = servers.reduce((sum, { weight }) => sum + weight, 0);
  const answer = `http-request return status ${failing?.status ?? 500}`;
  if (good === 0) return [answer];
  if (!failing || failing.weight === 0) return [];
  return [`${answer} if { rand(${good + failing.weight}) lt ${failing.weight} }`];
}

/** Of those with a weight. */
export function serverLines(servers: readonly Server[]): string[] {
  const used = servers.filter(({ weight }) => weight > 0);
  const largest = Math.max(...used.map(({ weight }) => weight));
  const scale = largest > largestWeight ? largestWeight / largest : 1;
  return used.map(({ address, port, weight, isH2c }, i) => {
    const scaled = Math.max(1, Math.round(weight * scale));
    return `server s${i} ${address}:${port} weight ${scaled}${isH2c ? ' proto h2' : ''}`;
  });
}
