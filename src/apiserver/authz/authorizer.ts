import type { Pod, PolicyRule } from '../../api/generated/types.ts';
import type { KubeObject } from '../../api/resource.ts';
import { mastersGroup, nodeNameOf, type UserInfo } from '../authn/user-info.ts';
import type { Attributes, Decided, Decision } from './attributes.ts';
import { NodeAuthorizer } from './node-authorizer.ts';
import { graphResources, NodeGraph, type SeenPod } from './node-graph.ts';
import { listText, RbacIndex, rbacResources } from './rbac.ts';

/** The resources whose events `observe` wants, as `resource.group`; those of pods go to `observePod`. */
export const observedResources: readonly string[] = [...rbacResources, ...graphResources];

/** One of those who are asked. Undefined: it has no opinion, and nothing to say of it. */
export interface ChainLink {
  readonly name: string;
  authorize(user: UserInfo, attributes: Attributes): Decided | undefined;
  /** What keeps it from naming the rules of a user; undefined: it has none of its own. */
  readonly withoutRules?: string;
  /** Everybody may do everything. */
  readonly allowsAll?: boolean;
}

/** The authorizers that the server itself keeps, for a chain to be made of. */
export interface OwnLinks {
  node: ChainLink;
  rbac: ChainLink;
}

/** What those said who had no opinion. */
interface Said {
  reasons: readonly string[];
  errors: readonly string[];
}

const nothingSaid: Said = { reasons: [], errors: [] };

/**
 * Decides what a user may do: `system:masters` anything; for others a chain is asked until one allows or denies. Unless it is
 * told otherwise, the chain is: nodes what their pods need, everybody what RBAC grants. Those two answer at once from indexes that
 * `observe` keeps; only a chain with somebody outside of the server in it gives promises.
 */
export class Authorizer {
  readonly #rbac = new RbacIndex();
  readonly #graph: NodeGraph;
  readonly #node: NodeAuthorizer;
  readonly own: OwnLinks;
  #chain: readonly ChainLink[];

  /** `podOf` gives a pod by `namespace/name`, as it was last observed. */
  constructor(podOf: (key: string) => Pod | undefined) {
    this.#graph = new NodeGraph(podOf);
    this.#node = new NodeAuthorizer(this.#graph);
    this.own = {
      node: { name: 'node', authorize: (user, attributes) => this.#node.authorize(user, attributes) },
      rbac: { name: 'rbac', authorize: (user, attributes) => this.#rbac.authorize(user, attributes) },
    };
    this.#chain = [this.own.node, this.own.rbac];
  }

  /** Who is asked, in this order, from the next request on. */
  configure(chain: readonly ChainLink[]): void {
    this.#chain = chain;
  }

  /** Takes in a change of one of `observedResources`; `object` is the deleted one for DELETED. */
  observe(resource: string, type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void {
    const index = rbacResources.includes(resource)
      ? this.#rbac
      : graphResources.includes(resource)
        ? this.#graph
        : undefined;
    if (type === 'DELETED') index?.remove(resource, object);
    else index?.set(resource, object);
  }

  observePod(type: 'ADDED' | 'MODIFIED' | 'DELETED', pod: SeenPod): void {
    if (type === 'DELETED') this.#graph.removePod(pod.key);
    else this.#graph.setPod(pod);
  }

  authorize(user: UserInfo, attributes: Attributes): Decided {
    if (user.groups.includes(mastersGroup)) return { allowed: true, reason: '' };
    return ask({ chain: this.#chain, user, attributes }, 0, nothingSaid);
  }

  /** The RBAC rules that hold for a user in a namespace ('' for cluster scope). `system:masters` has them all by its binding. */
  rulesFor(user: UserInfo, namespace: string): { rules: PolicyRule[]; evaluationError: string } {
    const { rules, missing } = this.#rbac.rulesFor(user, namespace);
    return { rules, evaluationError: missing.length ? listText([...new Set(missing)]) : '' };
  }

  /** The rules that the chain can name, and why that is not all of them. */
  knownRules(user: UserInfo, namespace: string): { rules: PolicyRule[]; evaluationError: string } {
    const rules: PolicyRule[] = [];
    const errors: string[] = [];
    for (const link of this.#chain) {
      if (link.allowsAll) rules.push(...everything);
      if (link.withoutRules) errors.push(link.withoutRules);
      if (link === this.own.node && nodeNameOf(user))
        errors.push('node authorizer does not support user rule resolution');
      if (link !== this.own.rbac) continue;
      const { rules: granted, missing } = this.#rbac.rulesFor(user, namespace);
      rules.push(...granted);
      errors.push(...missing);
    }
    return { rules, evaluationError: errors.length ? listText([...new Set(errors)]) : '' };
  }

  /** The rules of the role that a binding refers to; undefined when it does not exist. */
  rulesOfRole(ref: { kind: string; name: string }, namespace: string): readonly PolicyRule[] | undefined {
    return this.#rbac.rulesOfRef(ref, namespace);
  }
}

const everything: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/** Asks the links of a chain from `first` on. */
function ask(
  asked: { chain: readonly ChainLink[]; user: UserInfo; attributes: Attributes },
  first: number,
  before: Said,
): Decided {
  const { chain, user, attributes } = asked;
  let said = before;
  for (let i = first; i < chain.length; i++) {
    const decided = (chain[i] as ChainLink).authorize(user, attributes);
    if (decided instanceof Promise) {
      const so = said;
      return decided.then((decision) => (isOpinion(decision) ? decision : ask(asked, i + 1, noted(so, decision))));
    }
    if (!decided) continue;
    if (isOpinion(decided)) return decided;
    said = noted(said, decided);
  }
  const error = said.errors.length > 0 ? { error: listText(said.errors) } : {};
  return { allowed: false, reason: said.reasons.join('\n'), ...error };
}

const isOpinion = ({ allowed, denied }: Decision): boolean => allowed || denied === true;

const noted = (said: Said, { reason, error }: Decision): Said =>
  reason || error
    ? {
        reasons: reason ? [...said.reasons, reason] : said.reasons,
        errors: error ? [...said.errors, error] : said.errors,
      }
    : said;
