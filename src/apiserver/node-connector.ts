import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { nodes, pods } from '../api/generated/resources.ts';
import type { Node, Pod } from '../api/generated/types.ts';
import { sendLog } from '../streams/message-log.ts';
import { splice } from '../streams/splice.ts';
import { forbidden, invalidValue } from '../api/meta/field-error.ts';
import {
  badRequest,
  type FieldError,
  internalError,
  invalid,
  notFound,
  StatusError,
} from '../api/meta/status-error.ts';
import type { HttpRequest } from './body.ts';
import type { ObjectReader } from './object-reader.ts';
import { noSuchResource } from './built-in-endpoints.ts';
import { type ApiRequest, flag, queryNumber } from './request.ts';
import { type HttpResponse, write } from './respond.ts';
import type { ResourcePath } from './router.ts';
import { upgradeHead } from './upgrade-head.ts';

export interface NodeConnectorOptions {
  /** How this server proves to a node who it is. PEM. */
  cert: string;
  key: string;
  /** Who signs the nodes' serving certificates. PEM. */
  ca: string;
}

/** As long as Kubernetes waits for a node's TCP and TLS handshakes. */
const dialTimeoutMs = 10_000;
const answerTimeoutMs = 30_000;

/** Who has asked, and what closes when he goes away. */
interface Client {
  incoming: HttpRequest;
  client: { on(event: 'close', told: () => void): unknown };
}

interface Target {
  host: string;
  port: number;
  path: string;
}

/** Name of the streaming endpoint on the node's HTTPS server, by subresource. */
const nodePaths: Record<string, string> = {
  log: 'containerLogs',
  exec: 'exec',
  attach: 'attach',
  portforward: 'portForward',
};

/** Carries log, exec, attach and port-forward requests to the node of a pod, byte by byte. */
export class NodeConnector {
  readonly #read: ObjectReader;
  #tls: NodeConnectorOptions;

  constructor(deps: { read: ObjectReader }, options: NodeConnectorOptions) {
    this.#read = deps.read;
    this.#tls = options;
  }

  /** How this server shows itself to nodes now. */
  get tls(): NodeConnectorOptions {
    return this.#tls;
  }

  /** This server's own certificate was renewed. */
  useCertificate({ cert, key }: { cert: string; key: string }): void {
    this.#tls = { ...this.#tls, cert, key };
  }

  /** A plain request: logs. */
  async serve(
    request: ApiRequest,
    _at: ResourcePath,
    { request: incoming, response }: { request: HttpRequest; response: HttpResponse },
  ): Promise<void> {
    if (request.subresource !== 'log') {
      if (!nodePaths[request.subresource]) throw noSuchResource();
      this.#target(request);
      throw badRequest('Upgrade request required');
    }
    const answer = await this.#log(request, { incoming, client: response });
    // A pod that runs nowhere yet has said nothing.
    if (!answer) return noContent(response);
    write(response, 200, { 'content-type': answer.headers['content-type'] ?? 'text/plain' });
    // A log that is followed may say nothing for long; that it stands is to be seen at once.
    (response as ServerResponse).flushHeaders();
    await new Promise<void>((resolve) => {
      // A node that goes away in the middle must not look like the end of the log.
      answer.on('error', () => response.destroy());
      answer.on('close', resolve);
      answer.pipe(response as NodeJS.WritableStream);
    });
  }

  /** The log that is asked for, as its node gives it; undefined: it has no node yet. */
  async #log(request: ApiRequest, client: Client): Promise<IncomingMessage | undefined> {
    const pod = this.#pod(request);
    checkLogOptions(request);
    containerOf(request, pod);
    if (!pod.spec.nodeName) return undefined;
    const answer = await this.#ask(this.#target(request), client);
    if (answer.statusCode !== 200) throw nodeError(answer.statusCode ?? 500, await textOf(answer));
    return answer;
  }

  /** The node's answer to a GET. It breaks off when the client goes away. */
  #ask({ host, port, path }: Target, { incoming, client }: Client): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest({ host, port, path, timeout: answerTimeoutMs, ...this.#tls }, (answer) => {
        outgoing.setTimeout(0);
        resolve(answer);
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer from ${host}:${port}`)));
      outgoing.on('error', (error) => reject(internalError(error)));
      client.on('close', () => outgoing.destroy());
      incoming.on('error', () => outgoing.destroy());
      outgoing.end();
    });
  }

  /** An upgraded connection: the request is sent again to the node, then both ends are joined. A log comes in messages. */
  async upgrade(
    request: ApiRequest,
    _at: ResourcePath,
    { request: incoming, socket, head }: { request: HttpRequest; socket: TLSSocket; head: Buffer },
  ): Promise<void> {
    if (request.subresource === 'log') {
      const log = await this.#log(request, { incoming, client: socket });
      if (!log) throw badRequest(`pod ${request.name} does not have a host assigned`);
      return sendLog({ request: incoming as IncomingMessage, socket, head }, log);
    }
    const target = this.#target(request);
    const node = await this.#dial(target);
    node.write(upgradeHead(incoming, target));
    // Whatever the node answers, also an error instead of 101, is the client's answer.
    if (head.length > 0) socket.unshift(head);
    splice(socket, node);
  }

  #dial({ host, port }: Target): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, ALPNProtocols: ['http/1.1'], timeout: dialTimeoutMs, ...this.#tls }, () => {
        socket.setTimeout(0);
        socket.off('timeout', giveUp);
        socket.off('error', fail);
        socket.on('error', () => socket.destroy());
        resolve(socket);
      });
      const giveUp = () => socket.destroy(new Error(`dial tcp ${host}:${port}: i/o timeout`));
      const fail = (error: Error) =>
        reject(internalError(new Error(`error dialing backend: ${error.message}`, { cause: error })));
      socket.on('timeout', giveUp);
      socket.on('error', fail);
    });
  }

  #pod(request: ApiRequest): Pod {
    const pod = this.#read.get<Pod>(pods, request.namespace, request.name);
    if (!pod) throw notFound(pods, request.name);
    return pod;
  }

  #target(request: ApiRequest): Target {
    const pod = this.#pod(request);
    const container = request.subresource === 'portforward' ? '' : containerOf(request, pod);
    if (!pod.spec.nodeName) throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
    const node = this.#read.get<Node>(nodes, '', pod.spec.nodeName);
    if (!node) throw notFound(pods, pod.spec.nodeName);
    const host = node.status.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    const port = node.status.daemonEndpoints?.kubeletEndpoint?.Port;
    if (!host || !port) throw StatusError.of('ServiceUnavailable', `node ${pod.spec.nodeName} has no address yet`);
    const parts = [nodePaths[request.subresource], request.namespace, request.name, container].filter(Boolean);
    const path = `/${parts.map((part) => encodeURIComponent(part as string)).join('/')}`;
    return { host, port, path: `${path}?${nodeQuery(request)}` };
  }
}

function noContent(response: HttpResponse): void {
  write(response, 204, {});
  (response as ServerResponse).end();
}

/** Numbers of PodLogOptions, and the smallest that they may be. */
const logNumbers = { tailLines: 0, limitBytes: 1, sinceSeconds: 1 };

/** The rules of PodLogOptions. */
function checkLogOptions({ query, name }: ApiRequest): void {
  const errors: FieldError[] = [];
  for (const [option, least] of Object.entries(logNumbers)) {
    const value = queryNumber(query, option);
    if (value === undefined || value >= least) continue;
    errors.push(invalidValue(option, value, `must be greater than ${least === 0 ? 'or equal to 0' : '0'}`));
  }
  if (query.has('sinceSeconds') && query.has('sinceTime')) {
    errors.push(forbidden('[]', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  }
  // Output and errors are told apart only where a feature is on that is not (PodLogsQuerySplitStreams).
  if (query.has('stream')) errors.push(forbidden('stream', 'may not be specified'));
  if (errors.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, name, errors);
}

/** Of PodExecOptions and PodAttachOptions, as the kubelet calls them. */
const streamParameters = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' };

/** The node speaks the words of the kubelet's own API. */
function nodeQuery({ subresource, query }: ApiRequest): URLSearchParams {
  const result = new URLSearchParams(subresource === 'log' ? query : '');
  if (subresource === 'portforward') {
    const ports = query.getAll('ports').flatMap((value) => value.split(','));
    for (const port of ports) if (port !== '') result.append('port', port);
    return result;
  }
  if (subresource === 'log') {
    result.delete('container');
    return result;
  }
  for (const word of query.getAll('command')) result.append('command', word);
  for (const [option, parameter] of Object.entries(streamParameters)) {
    if (flag(query, option)) result.set(parameter, '1');
  }
  return result;
}

/** The container that is meant: the asked one, the default one of its annotation, or the only one. */
function containerOf(request: ApiRequest, pod: Pod): string {
  const { spec, metadata } = pod;
  const all = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])].map(
    (c) => c.name,
  );
  const asked = request.query.get('container');
  if (asked) {
    if (!all.includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${metadata.name}`);
    return asked;
  }
  const preferred = metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  if (preferred && all.includes(preferred)) return preferred;
  const [only, ...others] = spec.containers;
  if (only && others.length === 0) return only.name;
  const shown = all.join(' ');
  throw badRequest(`a container name must be specified for pod ${metadata.name}, choose one of: [${shown}]`);
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8').trim();
}

/** What a node says of a request it cannot serve, as a Status. */
function nodeError(code: number, text: string): StatusError {
  try {
    const status = JSON.parse(text);
    if (status.kind === 'Status') return new StatusError(status);
  } catch {
    // Plain text, as the kubelet of Kubernetes writes it.
  }
  const reason = code === 400 ? 'BadRequest' : code === 404 ? 'NotFound' : 'InternalError';
  return StatusError.of(reason, text || `the node answered ${code}`);
}
