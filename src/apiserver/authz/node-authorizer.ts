import type { PolicyRule } from '../../api/generated/types.ts';
import { bootstrapPolicy } from '../../api/generated/rbac.ts';
import { groupResource } from '../../api/resource.ts';
import { nodeNameOf, type UserInfo } from '../authn/user-info.ts';
import { type Attributes, type Decision, isResource, requiredField, type ResourceAttributes } from './attributes.ts';
import type { GraphResource, NodeGraph } from './node-graph.ts';
import { ruleAllows } from './rules.ts';

const allow: Decision = { allowed: true, reason: '' };
const refuse = (reason: string): Decision => ({ allowed: false, reason });

const nodeLeaseNamespace = 'kube-node-lease';
const writes = ['create', 'update', 'patch'];

type Decide = (node: string, attributes: ResourceAttributes) => Decision;

/**
 * What kubelets may do: read what their pods name, their own Node, Lease and CSINode, and whatever role system:node says of
 * the rest. What they may write into those objects is the matter of the NodeRestriction admission plugin. Source: Kubernetes'
 * "Using Node Authorization", with AuthorizeNodeWithSelectors (KEP-4601).
 */
export class NodeAuthorizer {
  readonly #graph: NodeGraph;
  readonly #rules: readonly PolicyRule[];
  readonly #resources: Record<string, Decide>;

  constructor(graph: NodeGraph) {
    this.#graph = graph;
    this.#rules = bootstrapPolicy.clusterRoles.find((role) => role.name === 'system:node')?.rules ?? [];
    const related =
      (resource: GraphResource, verbs: string[]): Decide =>
      (node, attributes) =>
        this.#related(node, attributes, { resource, verbs });
    this.#resources = {
      secrets: related('secrets', ['get', 'list', 'watch']),
      configmaps: related('configmaps', ['get', 'list', 'watch']),
      persistentvolumeclaims: (node, attributes) => this.#claim(node, attributes),
      persistentvolumes: (node, attributes) => this.#volume(node, attributes),
      'resourceclaims.resource.k8s.io': related('resourceclaims', ['get']),
      'volumeattachments.storage.k8s.io': (node, attributes) => this.#attachment(node, attributes),
      serviceaccounts: (node, attributes) => this.#serviceAccount(node, attributes),
      'leases.coordination.k8s.io': ownLease,
      'csinodes.storage.k8s.io': ownCsiNode,
      'resourceslices.resource.k8s.io': ownSlices,
      nodes: ownNode,
      pods: (node, attributes) => this.#pod(node, attributes),
    };
  }

  /** Undefined when the user is no node: not this authorizer's business. */
  authorize(user: UserInfo, attributes: Attributes): Decision | undefined {
    const node = nodeNameOf(user);
    if (!node) return undefined;
    const special = isResource(attributes) && this.#resources[groupResource(attributes)];
    if (special) return special(node, attributes);
    return this.#rules.some((rule) => ruleAllows(rule, attributes)) ? allow : refuse('');
  }

  #related(
    node: string,
    attributes: ResourceAttributes,
    { resource, verbs }: { resource: GraphResource; verbs: string[] },
  ): Decision {
    if (!verbs.includes(attributes.verb)) return refuse(`can only ${verbs.join(', ')} objects of this type`);
    if (attributes.subresource) return refuse('cannot read subresource');
    if (!attributes.name) return refuse('No Object name found');
    if (!attributes.namespace) return refuse('can only read namespaced object of this type');
    const key = { namespace: attributes.namespace, name: attributes.name };
    return this.#graph.refersTo(node, resource, key) ? allow : noRelation(node);
  }

  #claim(node: string, attributes: ResourceAttributes): Decision {
    if (attributes.subresource !== 'status') {
      return this.#related(node, attributes, { resource: 'persistentvolumeclaims', verbs: ['get'] });
    }
    const verbs = ['get', 'update', 'patch'];
    return this.#related(node, { ...attributes, subresource: '' }, { resource: 'persistentvolumeclaims', verbs });
  }

  #volume(node: string, attributes: ResourceAttributes): Decision {
    if (attributes.verb !== 'get' || attributes.subresource)
      return refuse('can only get individual resources of this type');
    return this.#graph.usesVolume(node, attributes.name ?? '') ? allow : noRelation(node);
  }

  #attachment(node: string, attributes: ResourceAttributes): Decision {
    if (attributes.verb !== 'get' || attributes.subresource)
      return refuse('can only get individual resources of this type');
    return this.#graph.hasAttachment(node, attributes.name ?? '') ? allow : noRelation(node);
  }

  #serviceAccount(node: string, attributes: ResourceAttributes): Decision {
    const isToken = attributes.verb === 'create' && attributes.subresource === 'token';
    const isRead = attributes.verb === 'get' && !attributes.subresource;
    if (!isToken && !isRead) return refuse('can only create tokens for individual service accounts');
    const key = { namespace: attributes.namespace ?? '', name: attributes.name ?? '' };
    return this.#graph.refersTo(node, 'serviceaccounts', key) ? allow : noRelation(node);
  }

  #pod(node: string, attributes: ResourceAttributes): Decision {
    const { verb, subresource, name, namespace } = attributes;
    if (subresource === 'status') return ['get', 'update', 'patch'].includes(verb) ? allow : refuse(podVerbs);
    if (subresource === 'eviction') return verb === 'create' ? allow : refuse(podVerbs);
    if (subresource) return refuse(podVerbs);
    if (verb === 'create' || verb === 'delete') return allow;
    if (!['get', 'list', 'watch'].includes(verb)) return refuse(podVerbs);
    if (verb !== 'get' && requiredField(attributes.fieldSelector, 'spec.nodeName') === node) return allow;
    if (name) return this.#graph.hasPod(node, namespace ?? '', name) ? allow : noRelation(node);
    return refuse('can only list/watch pods with spec.nodeName field selector');
  }
}

const podVerbs = 'can only get, list, watch, create and delete pods, update their status and evict them';

const noRelation = (node: string): Decision => refuse(`no relationship found between node '${node}' and this object`);

const ownNode: Decide = (node, { verb, subresource, name }) => {
  if (subresource === 'status')
    return verb === 'update' || verb === 'patch' ? allow : refuse('cannot read subresource');
  if (subresource) return refuse('cannot read subresource');
  if (writes.includes(verb)) return allow;
  if (!['get', 'list', 'watch'].includes(verb)) return refuse('');
  return name === node ? allow : refuse(`node '${node}' cannot read '${name ?? ''}', only its own Node object`);
};

const ownLease: Decide = (node, { verb, subresource, namespace, name }) => {
  if (!['get', 'delete', ...writes].includes(verb))
    return refuse('can only get, create, update, patch, or delete a node lease');
  if (subresource) return refuse('cannot access node lease subresources');
  if (namespace !== nodeLeaseNamespace)
    return refuse(`can only access leases in the "${nodeLeaseNamespace}" system namespace`);
  // A create carries its name in the body: NodeRestriction looks at it.
  return verb === 'create' || name === node
    ? allow
    : refuse('can only access node lease with the same name as the requesting node');
};

const ownCsiNode: Decide = (node, { verb, subresource, name }) => {
  if (!['get', 'delete', ...writes].includes(verb))
    return refuse('can only get, create, update, patch, or delete a CSINode');
  if (subresource) return refuse('cannot authorize CSINode subresources');
  return verb === 'create' || name === node
    ? allow
    : refuse('can only access CSINode with the same name as the requesting node');
};

const ownSlices: Decide = (node, { verb, subresource, fieldSelector }) => {
  if (subresource) return refuse('cannot authorize ResourceSlice subresources');
  // Which node a single slice belongs to stands in its body: NodeRestriction looks at it.
  if (['get', 'create', 'update', 'patch', 'delete'].includes(verb)) return allow;
  const selects = requiredField(fieldSelector, 'spec.nodeName') === node;
  if (['list', 'watch', 'deletecollection'].includes(verb) && selects) return allow;
  return refuse('can only list, watch and deletecollection with field selector spec.nodeName');
};
