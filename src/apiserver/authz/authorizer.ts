import type { Pod, PolicyRule } from '../../api/generated/types.ts';
import type { KubeObject } from '../../api/resource.ts';
import { mastersGroup, type UserInfo } from '../authn/user-info.ts';
import type { Attributes, Decision } from './attributes.ts';
import { NodeAuthorizer } from './node-authorizer.ts';
import { graphResources, NodeGraph, type SeenPod } from './node-graph.ts';
import { listText, RbacIndex, rbacResources } from './rbac.ts';

/** The resources whose events `observe` wants, as `resource.group`; those of pods go to `observePod`. */
export const observedResources: readonly string[] = [...rbacResources, ...graphResources];

/**
 * Decides what a user may do: `system:masters` anything, nodes what their pods need, everybody what RBAC grants. Synchronous
 * and without I/O: it answers from indexes that `observe` keeps.
 */
export class Authorizer {
  readonly #rbac = new RbacIndex();
  readonly #graph: NodeGraph;
  readonly #node: NodeAuthorizer;

  /** `podOf` gives a pod by `namespace/name`, as it was last observed. */
  constructor(podOf: (key: string) => Pod | undefined) {
    this.#graph = new NodeGraph(podOf);
    this.#node = new NodeAuthorizer(this.#graph);
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

  authorize(user: UserInfo, attributes: Attributes): Decision {
    if (user.groups.includes(mastersGroup)) return { allowed: true, reason: '' };
    const asNode = this.#node.authorize(user, attributes);
    if (asNode?.allowed) return asNode;
    const byRole = this.#rbac.authorize(user, attributes);
    if (byRole.allowed) return byRole;
    return { allowed: false, reason: [asNode?.reason, byRole.reason].filter(Boolean).join('\n') };
  }

  /** The RBAC rules that hold for a user in a namespace ('' for cluster scope). `system:masters` has them all by its binding. */
  rulesFor(user: UserInfo, namespace: string): { rules: PolicyRule[]; evaluationError: string } {
    const { rules, missing } = this.#rbac.rulesFor(user, namespace);
    return { rules, evaluationError: missing.length ? listText([...new Set(missing)]) : '' };
  }

  /** The rules of the role that a binding refers to; undefined when it does not exist. */
  rulesOfRole(ref: { kind: string; name: string }, namespace: string): readonly PolicyRule[] | undefined {
    return this.#rbac.rulesOfRef(ref, namespace);
  }
}
