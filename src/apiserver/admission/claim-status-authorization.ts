import type {
  AllocatedDeviceStatus,
  AllocationResult,
  ResourceClaimStatus,
  ResourceResourceClaim,
} from '../../api/generated/types.ts';
import { forbidden } from '../../api/meta/field-error.ts';
import { equalJson } from '../../api/meta/json.ts';
import { type FieldError, invalid, type StatusError } from '../../api/meta/status-error.ts';
import { deviceKey, takenAway } from '../../api/resource/device-status.ts';
import { nodeNameKey, parseServiceAccountUser, type UserInfo } from '../authn/user-info.ts';
import type { ResourceAttributes } from '../authz/attributes.ts';
import { forbidden as forbiddenRequest } from '../authz/forbidden.ts';
import { type AdmissionContext, definePlugin } from './plugin.ts';

type Context = AdmissionContext<ResourceResourceClaim>;

/** A permission that a change needs besides that on `resourceclaims/status`. */
interface Need {
  readonly field: string;
  readonly text: string;
  /** One of them is enough. */
  readonly asked: readonly ResourceAttributes[];
}

/**
 * Who may write the status of claims may not yet write all of it (DRAResourceClaimGranularStatusAuthorization, KEP-4817). What is
 * given to whom takes a permission on `resourceclaims/binding`; what is said of a driver's devices one on
 * `resourceclaims/driver` by the driver's name, either for claims of the node that the writer runs on, or for those of any.
 * Kubernetes does this in the registry of the kind.
 */
export const claimStatusAuthorization = definePlugin<ResourceResourceClaim>({
  name: 'ResourceClaimStatusAuthorization',
  verbs: ['update'],
  resources: ['resourceclaims.resource.k8s.io/status'],
  validate(context) {
    const needs = [...bindingNeeds(context), ...driverNeeds(context)];
    return needs.length > 0 ? check(context, needs) : undefined;
  },
});

async function check(context: Context, needs: readonly Need[]): Promise<void> {
  const errors: FieldError[] = [];
  for (const { field, text, asked } of needs) {
    const refusal = await refusalOf(context, asked);
    if (refusal) errors.push(forbidden(field, `${text} permission: ${refusal.message}`));
  }
  if (errors.length > 0) throw invalid(context.endpoint.kind, context.name, errors);
}

/** Why the first is not allowed, when none is. */
async function refusalOf(
  { authorizer, user }: Context,
  asked: readonly ResourceAttributes[],
): Promise<StatusError | undefined> {
  let refusal: StatusError | undefined;
  for (const attributes of asked) {
    const { allowed, reason, error } = await authorizer.authorize(user, attributes);
    if (allowed) return undefined;
    refusal ??= forbiddenRequest(user, attributes, [error, reason].filter(Boolean).join(': '));
  }
  return refusal;
}

const statesOf = ({ object, old }: Context): [ResourceClaimStatus, ResourceClaimStatus] => [
  object?.status ?? {},
  old?.status ?? {},
];

const claims = ({ endpoint }: Context) => ({
  group: endpoint.kind.group,
  version: endpoint.kind.version,
  resource: endpoint.kind.resource,
});

/** In the whole cluster: who gives devices out gives them to anybody. */
function bindingNeeds(context: Context): Need[] {
  const [status, old] = statesOf(context);
  const isBound =
    equalJson(status.allocation, old.allocation) && equalJson(status.reservedFor ?? [], old.reservedFor ?? []);
  if (isBound) return [];
  const { requestVerb: verb } = context;
  const text = `changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="${verb}"`;
  return [{ field: 'status', text, asked: [{ ...claims(context), subresource: 'binding', verb }] }];
}

function driverNeeds(context: Context): Need[] {
  const [status, old] = statesOf(context);
  const { requestVerb, namespace, user } = context;
  const isOfNode = runsOn(user, nodeOf(status.allocation));
  const verbs = [...(isOfNode ? ['associated-node'] : []), 'arbitrary-node'].map((whose) => `${whose}:${requestVerb}`);
  const text = `changing status.devices requires resource="resourceclaims/driver", verb="[${verbs.join(' ')}]"`;
  return driversOfChanged(status, old).map((name) => ({
    field: 'status.devices',
    text,
    asked: verbs.map((verb) => ({ ...claims(context), subresource: 'driver', namespace, name, verb })),
  }));
}

/** What goes with a device that was taken away is nobody's word. */
function driversOfChanged(status: ResourceClaimStatus, old: ResourceClaimStatus): string[] {
  const gone = takenAway(status, old);
  const before = new Map((old.devices ?? []).map((said) => [deviceKey(said), said]));
  const drivers = new Set<string>();
  const changed = (said: AllocatedDeviceStatus) => drivers.add(said.driver);
  for (const said of status.devices ?? []) {
    const key = deviceKey(said);
    if (!equalJson(before.get(key), said)) changed(said);
    before.delete(key);
  }
  for (const [key, said] of before) if (!gone.has(key)) changed(said);
  return [...drivers].sort();
}

/** The node that alone can use what was allocated, as the scheduler names it; undefined: several can, or it is not known. */
function nodeOf(allocation: AllocationResult | undefined): string | undefined {
  const [term, ...terms] = allocation?.nodeSelector?.nodeSelectorTerms ?? [];
  const [field, ...fields] = term?.matchFields ?? [];
  if (terms.length > 0 || fields.length > 0 || term?.matchExpressions?.length) return undefined;
  const [name, ...names] = field?.key === 'metadata.name' && field.operator === 'In' ? (field.values ?? []) : [];
  return names.length > 0 ? undefined : name;
}

/** By the token of a pod on the node: its service account says so. */
function runsOn({ name, extra }: UserInfo, node: string | undefined): boolean {
  const nodes = extra?.[nodeNameKey] ?? [];
  return node !== undefined && parseServiceAccountUser(name) !== undefined && nodes.length === 1 && nodes[0] === node;
}
