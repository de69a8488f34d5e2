import { mandatoryLevels, mandatorySchemas } from '../../api/flowcontrol/mandatory.ts';
import { flowschemas, prioritylevelconfigurations } from '../../api/generated/resources.ts';
import type {
  FlowSchemaSpec,
  PolicyRulesWithSubjects,
  QueuingConfiguration,
  ResourcePolicyRule,
} from '../../api/generated/types.ts';
import { type BootstrapObject, bootstrapObject, type Upkeep } from './bootstrap-object.ts';

type Subject = PolicyRulesWithSubjects['subjects'][number];
type Rules = Pick<PolicyRulesWithSubjects, 'resourceRules' | 'nonResourceRules'>;

/** "true": the spec is restored when it is changed; people who want to keep theirs write "false". */
export const autoupdateSpec = 'apf.kubernetes.io/autoupdate-spec';

const metadata = (name: string) => ({ name, annotations: { [autoupdateSpec]: 'true' } });

const limited = (
  upkeep: Upkeep,
  name: string,
  [nominalConcurrencyShares, lendablePercent]: [shares: number, lendable: number],
  queuing?: QueuingConfiguration,
): BootstrapObject =>
  bootstrapObject(prioritylevelconfigurations, upkeep, {
    metadata: metadata(name),
    spec: {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares,
        lendablePercent,
        limitResponse: queuing ? { type: 'Queue', queuing } : { type: 'Reject' },
      },
    },
  });

const queuing = (queues: number, handSize = 6): QueuingConfiguration => ({ queues, handSize, queueLengthLimit: 50 });

const users = (...names: string[]): Subject[] => names.map((name) => ({ kind: 'User', user: { name } }));
const groups = (...names: string[]): Subject[] => names.map((name) => ({ kind: 'Group', group: { name } }));
const systemAccounts = (...names: string[]): Subject[] =>
  names.map((name) => ({ kind: 'ServiceAccount', serviceAccount: { name, namespace: 'kube-system' } }));

/** A rule for namespaced resources; with `clusterScope` for the others too. */
const rule = (verbs: string[], group: string, resources: string[], clusterScope = false): ResourcePolicyRule => ({
  verbs,
  apiGroups: [group],
  resources,
  namespaces: ['*'],
  ...(clusterScope ? { clusterScope } : {}),
});
const elects = ['get', 'create', 'update'];
const leases = rule(elects, 'coordination.k8s.io', ['leases']);
const anything: Rules = {
  resourceRules: [rule(['*'], '*', ['*'], true)],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};
const everybody = groups('system:unauthenticated', 'system:authenticated');

const schema = (
  upkeep: Upkeep,
  [name, level, matchingPrecedence, by]: [string, string, number, ('ByUser' | 'ByNamespace')?],
  subjects: Subject[],
  rules: Rules = anything,
): BootstrapObject =>
  bootstrapObject(flowschemas, upkeep, {
    metadata: metadata(name),
    spec: {
      priorityLevelConfiguration: { name: level },
      matchingPrecedence,
      ...(by ? { distinguisherMethod: { type: by } } : {}),
      rules: [{ subjects, ...rules }],
    } satisfies FlowSchemaSpec,
  });

/** What flow control does not work without: restored whatever anybody does. */
export const mandatoryObjects: readonly BootstrapObject[] = [
  ...Object.entries(mandatoryLevels).map(([name, spec]) =>
    bootstrapObject(prioritylevelconfigurations, 'own', { metadata: metadata(name), spec }),
  ),
  ...Object.entries(mandatorySchemas).map(([name, spec]) =>
    bootstrapObject(flowschemas, 'own', { metadata: metadata(name), spec }),
  ),
];

/** Upstream's suggestion for a cluster's own traffic and that of its users (flowcontrol/bootstrap/default.go). */
export const suggestedObjects: readonly BootstrapObject[] = [
  limited('suggested', 'system', [30, 33], queuing(64)),
  limited('suggested', 'node-high', [40, 25], queuing(64)),
  limited('suggested', 'leader-election', [10, 0], queuing(16, 4)),
  limited('suggested', 'workload-high', [40, 50], queuing(128)),
  limited('suggested', 'workload-low', [100, 90], queuing(128)),
  limited('suggested', 'global-default', [20, 50], queuing(128)),
  schema('suggested', ['system-nodes', 'system', 500, 'ByUser'], groups('system:nodes')),
  schema('suggested', ['system-node-high', 'node-high', 400, 'ByUser'], groups('system:nodes'), {
    resourceRules: [rule(['*'], '', ['nodes', 'nodes/status'], true), rule(['*'], 'coordination.k8s.io', ['leases'])],
  }),
  schema('suggested', ['probes', 'exempt', 2], everybody, {
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  schema(
    'suggested',
    ['system-leader-election', 'leader-election', 100, 'ByUser'],
    [...users('system:kube-controller-manager', 'system:kube-scheduler'), ...systemAccounts('*')],
    { resourceRules: [leases] },
  ),
  schema('suggested', ['workload-leader-election', 'leader-election', 200, 'ByUser'], systemAccounts('*'), {
    resourceRules: [leases],
  }),
  schema(
    'suggested',
    ['endpoint-controller', 'workload-high', 150, 'ByUser'],
    [
      ...users('system:kube-controller-manager'),
      ...systemAccounts('endpoint-controller', 'endpointslicemirroring-controller'),
    ],
    { resourceRules: [rule(elects, '', ['endpoints'])] },
  ),
  schema(
    'suggested',
    ['kube-controller-manager', 'workload-high', 800, 'ByNamespace'],
    users('system:kube-controller-manager'),
  ),
  schema('suggested', ['kube-scheduler', 'workload-high', 800, 'ByNamespace'], users('system:kube-scheduler')),
  schema('suggested', ['kube-system-service-accounts', 'workload-high', 900, 'ByNamespace'], systemAccounts('*')),
  schema('suggested', ['service-accounts', 'workload-low', 9000, 'ByUser'], groups('system:serviceaccounts')),
  schema('suggested', ['global-default', 'global-default', 9900, 'ByUser'], everybody),
];
