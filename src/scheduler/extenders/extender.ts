import type { Pod } from '../../api/generated/types.ts';
import type { NodeInfo } from '../../placement/node-info.ts';
import type { Placed } from '../plugin.ts';
import type { ExtenderConfig } from './extender-config.ts';

/** Posts JSON to an extender and resolves with its answer, parsed. Rejects with what went wrong. */
export type PostToExtender = (extender: ExtenderConfig, url: string, body: unknown) => Promise<unknown>;

/** What an extender has against a node. */
export interface Refusal {
  readonly reason: string;
  /** Whether the node would do if pods left it. */
  readonly isResolvable: boolean;
}

/** Of the nodes that it was asked about. */
export interface FilterAnswer {
  readonly accepted: NodeInfo[];
  readonly refused: ReadonlyMap<string, Refusal>;
}

interface Victims {
  readonly node: string;
  readonly victims: readonly Pod[];
}

/** The words of k8s.io/kube-scheduler/extender/v1, which Go reads in upper and lower case alike: so do we. */
type Answer = Record<string, unknown>;

/** Asks one extender, in its protocol. Everything rejects with an Error when it has no answer or says that it failed. */
export class Extender {
  readonly config: ExtenderConfig;
  readonly #post: PostToExtender;

  constructor(config: ExtenderConfig, post: PostToExtender) {
    this.config = config;
    this.#post = post;
  }

  isInterested({ spec }: Pod): boolean {
    const { managedResources } = this.config;
    if (managedResources.size === 0) return true;
    return [...(spec.initContainers ?? []), ...spec.containers].some(({ resources }) =>
      Object.keys({ ...resources?.requests, ...resources?.limits }).some((name) => managedResources.has(name)),
    );
  }

  async filter(pod: Pod, nodes: readonly NodeInfo[]): Promise<FilterAnswer> {
    const { filterVerb = '', nodeCacheCapable, urlPrefix } = this.config;
    const answer = await this.#ask('filter', filterVerb, this.#candidates(pod, nodes));
    const names = nodeCacheCapable ? member<string[]>(answer, 'NodeNames') : undefined;
    const accepted = (names ?? namesIn(answer)).map((name) => {
      const node = nodes.find((one) => one.name === name);
      if (!node)
        throw new Error(
          `extender "${urlPrefix}" claims a filtered node "${name}" which is not found in the input node list`,
        );
      return node;
    });
    const refused = new Map<string, Refusal>();
    for (const [name, reason] of Object.entries(member<Record<string, string>>(answer, 'FailedNodes') ?? {}))
      refused.set(name, { reason, isResolvable: true });
    const hopeless = member<Record<string, string>>(answer, 'FailedAndUnresolvableNodes') ?? {};
    for (const [name, reason] of Object.entries(hopeless)) refused.set(name, { reason, isResolvable: false });
    return { accepted, refused };
  }

  /** By the names of nodes: 0 to 10, as the extender says. */
  async prioritize(pod: Pod, nodes: readonly NodeInfo[]): Promise<Map<string, number>> {
    const { prioritizeVerb = '' } = this.config;
    const answer = await this.#ask('prioritize', prioritizeVerb, this.#candidates(pod, nodes));
    const list = Array.isArray(answer) ? (answer as Answer[]) : [];
    return new Map(list.map((one) => [member<string>(one, 'Host') ?? '', member<number>(one, 'Score') ?? 0]));
  }

  /** It makes the binding itself. */
  async bind({ pod, node }: Placed): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const body = { PodName: name, PodNamespace: namespace, PodUID: uid, Node: node };
    await this.#ask('bind', this.config.bindVerb ?? '', body);
  }

  /** Those of the victims that have to go in its view; undefined: the node is of no use whoever goes. */
  async preempt(pod: Pod, { node, victims }: Victims): Promise<readonly Pod[] | undefined> {
    const { preemptVerb = '', nodeCacheCapable } = this.config;
    const told = nodeCacheCapable
      ? { NodeNameToMetaVictims: { [node]: { Pods: victims.map(({ metadata }) => ({ UID: metadata.uid })) } } }
      : { NodeNameToVictims: { [node]: { Pods: victims } } };
    const answer = await this.#ask('preempt', preemptVerb, { Pod: pod, ...told });
    const chosen = (member<Record<string, Answer>>(answer, 'NodeNameToMetaVictims') ?? {})[node];
    if (!chosen) return undefined;
    const uids = new Set((member<Answer[]>(chosen, 'Pods') ?? []).map((one) => member<string>(one, 'UID')));
    return victims.filter(({ metadata }) => uids.has(metadata.uid));
  }

  #candidates(pod: Pod, nodes: readonly NodeInfo[]): object {
    if (this.config.nodeCacheCapable) return { Pod: pod, NodeNames: nodes.map(({ name }) => name) };
    return { Pod: pod, Nodes: { items: nodes.map(({ node }) => node) } };
  }

  async #ask(action: string, verb: string, body: object): Promise<Answer> {
    const url = `${this.config.urlPrefix.replace(/\/+$/, '')}/${verb}`;
    const answer = await this.#post(this.config, url, body).catch((error: Error) => {
      throw new Error(`failed ${action} with extender at URL ${url}, ${error.message}`, { cause: error });
    });
    const said = Array.isArray(answer) ? undefined : member<string>((answer ?? {}) as Answer, 'Error');
    if (said) throw new Error(said);
    return (answer ?? {}) as Answer;
  }
}

const namesIn = (answer: Answer): string[] =>
  (member<{ items?: { metadata: { name: string } }[] }>(answer, 'Nodes')?.items ?? []).map(
    ({ metadata }) => metadata.name,
  );

/** `null` is Go's for nothing. */
function member<T>(answer: Answer, name: string): T | undefined {
  const key = name in answer ? name : Object.keys(answer).find((one) => one.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : ((answer[key] ?? undefined) as T | undefined);
}
