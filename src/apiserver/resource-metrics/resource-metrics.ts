import { nodes } from '../../api/generated/resources.ts';
import type { Node, Pod } from '../../api/generated/types.ts';
import { notFound } from '../../api/meta/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import { toBytes, type Version } from '../../store/version.ts';
import { type ApiContext, timestamp } from '../context.ts';
import { callHttp } from '../http-call.ts';
import type { NodeConnectorOptions } from '../node-connector.ts';
import { canonical } from '../object-codec.ts';
import type { ObjectReader } from '../object-reader.ts';
import { proxyTarget } from '../proxy-target.ts';
import type { Answer, ApiRequest } from '../request.ts';
import { list } from '../verbs/list.ts';
import { metricsEndpoints, metricsGroup, type MetricsObject } from './endpoints.ts';
import { nodeUsed, podUsed, type Usage, type UsedInWindow } from './node-sample.ts';
import { NodeSamples } from './node-samples.ts';

interface ResourceMetricsDeps {
  read: ObjectReader;
  clock: Clock;
  rng: Rng;
  log: Logger;
  /** How this server shows a node who it is. */
  tls(): NodeConnectorOptions;
}

/** A node that takes longer is passed over. */
const answerTimeoutMs = 10_000;
const maxAnswerBytes = 16 * 2 ** 20;

/** `metrics.k8s.io`: what nodes and pods use, asked of the nodes when somebody wants to know. Nothing of it is stored. */
class ResourceMetrics {
  readonly #deps: ResourceMetricsDeps;
  readonly #samples: NodeSamples;

  constructor(deps: ResourceMetricsDeps) {
    this.#deps = deps;
    this.#samples = new NodeSamples({ ...deps, ask: (node) => this.#ask(node) });
  }

  /** The objects are those of the core group that the request's selectors choose. */
  async answer(context: ApiContext, request: ApiRequest): Promise<Answer> {
    const { kind } = request.endpoint;
    const core = context.registry.find('', 'v1', kind.resource);
    if (!core) throw notFound(kind, request.name);
    const query = new URLSearchParams();
    for (const name of ['labelSelector', 'fieldSelector']) {
      const text = request.query.get(name);
      if (text) query.set(name, text);
    }
    const found = await list(context, { ...request, verb: 'list', endpoint: core, query });
    const objects = found.type === 'list' ? found.versions.map((version) => context.objects.read(version)) : [];
    const used = kind.resource === 'nodes' ? await this.#nodes(objects as Node[]) : await this.#pods(objects as Pod[]);
    const versions = used.map((object) => versionOf(request, object));
    if (request.verb === 'list') return { type: 'list', revision: 0, versions };
    const [version] = versions;
    if (version) return { type: 'version', code: 200, version };
    const what = { group: kind.group, resource: kind.kind.toLowerCase() };
    throw notFound(what, request.namespace ? `${request.namespace}/${request.name}` : request.name);
  }

  async #nodes(wanted: readonly Node[]): Promise<MetricsObject[]> {
    const windows = await this.#samplesOf(wanted.map(({ metadata }) => metadata.name));
    return wanted.flatMap((node) => {
      const window = windows.get(node.metadata.name);
      const used = window && nodeUsed(window);
      return used ? [{ ...this.#headOf(node, used), usage: usageText(used.usage) }] : [];
    });
  }

  async #pods(wanted: readonly Pod[]): Promise<MetricsObject[]> {
    const running = wanted.filter(({ spec, status }) => spec.nodeName && status.phase === 'Running');
    const windows = await this.#samplesOf([...new Set(running.map(({ spec }) => spec.nodeName as string))]);
    return running.flatMap((pod) => {
      const { namespace, name } = pod.metadata;
      const window = windows.get(pod.spec.nodeName as string);
      const used = window && podUsed(window, `${namespace}/${name}`);
      if (!used) return [];
      const containers = used.containers.map((one) => ({ name: one.name, usage: usageText(one.usage) }));
      return [{ ...this.#headOf(pod, used), containers }];
    });
  }

  #samplesOf(names: readonly string[]): ReturnType<NodeSamples['of']> {
    return this.#samples.of(names, this.#deps.read.list<Node>(nodes));
  }

  #headOf({ metadata }: Node | Pod, used: UsedInWindow) {
    const { name, namespace, labels } = metadata;
    const creationTimestamp = timestamp(this.#deps.clock.now());
    return {
      metadata: { name, ...(namespace ? { namespace } : {}), creationTimestamp, ...(labels ? { labels } : {}) },
      timestamp: timestamp(used.timestampMs),
      window: `${used.windowMs / 1000}s`,
    };
  }

  async #ask(node: string): Promise<string> {
    const { clock, tls } = this.#deps;
    const { host, port } = proxyTarget({ resource: 'nodes', namespace: '', name: node }, this.#deps);
    const limits = { clock, timeoutMs: answerTimeoutMs, maxBytes: maxAnswerBytes };
    const { status, text } = await callHttp({ host, port, path: '/metrics/resource', ...tls() }, limits);
    if (status !== 200) throw new Error(`node ${node} answered ${status}`);
    return text;
  }
}

/** Serves the group from now on. `clock`: what sockets go by. */
export function serveResourceMetrics(context: ApiContext, clock: Clock, tls: ResourceMetricsDeps['tls']): void {
  const usage = new ResourceMetrics({ ...context, clock, tls });
  const endpoints = metricsEndpoints((asking, request) => usage.answer(asking, request));
  context.registry.replace(metricsGroup.group, endpoints);
}

/** In the units that metrics-server writes. */
const usageText = ({ nanoCores, bytes }: Usage) => ({
  cpu: `${nanoCores}n`,
  memory: `${Math.ceil(bytes / 1024)}Ki`,
});

function versionOf({ endpoint }: ApiRequest, object: MetricsObject): Version {
  const bytes = toBytes(JSON.stringify(canonical(endpoint, object, undefined)));
  const { name, namespace, labels } = object.metadata;
  const key = namespace ? `${namespace}/${name}` : name;
  return { resource: endpoint.resource, key, revision: 0, uid: '', labels, fields: undefined, bytes };
}
