import type { Mutant } from './mutant.ts';

const admissionTest = 'src/apiserver/admission/admission.test.ts';
const fairQueueTest = 'src/apiserver/flowcontrol/fair-queue.test.ts';
const authorizerTest = 'src/apiserver/authz/authorizer.test.ts';
const webhookAuthorizerTest = 'src/apiserver/authz/webhook-authorizer.test.ts';
const transportTest = 'test/integration/transport.test.ts';

export const apiserver: Mutant[] = [
  {
    bug: 'who is denied by a webhook may still be allowed by RBAC',
    file: 'src/apiserver/authz/authorizer.ts',
    find: 'allowed || denied === true',
    replace: 'allowed',
    test: { file: webhookAuthorizerTest, name: 'denies, and RBAC is not asked' },
  },
  {
    bug: 'a webhook of authorization that fails never denies',
    file: 'src/apiserver/authz/webhook-authorizer.ts',
    find: "this.#config.failurePolicy === 'Deny'",
    replace: 'false',
    test: { file: webhookAuthorizerTest, name: 'that fails means Deny' },
  },
  {
    bug: 'refusals of a webhook are remembered as long as what it allows',
    file: 'src/apiserver/authz/webhook-authorizer.ts',
    find: 'answer.allowed ? authorizedTtlMs : unauthorizedTtlMs',
    replace: 'authorizedTtlMs',
    test: { file: webhookAuthorizerTest, name: 'is remembered for as long as the answer may be' },
  },
  {
    bug: 'any certificate of the front proxy authority may say who asks',
    file: 'src/apiserver/authn/request-header.ts',
    find: 'this.#proxies.authenticate(certificate)?.name !== this.#allowedName',
    replace: '!this.#proxies.authenticate(certificate)',
    test: { file: 'test/integration/extension/aggregation.test.ts', name: 'is taken from the front proxy alone' },
  },
  {
    bug: 'clients tell aggregated servers who they are',
    file: 'src/apiserver/passed-headers.ts',
    find: '/^(?:impersonate-|x-remote-)/',
    replace: '/^impersonate-/',
    test: { file: 'src/apiserver/proxy-target.test.ts', name: 'headers, but none that are for this server' },
  },
  {
    bug: 'pod security does not look at init containers',
    file: 'src/apiserver/admission/pod-security/checked-pod.ts',
    find: '  ...(spec.initContainers ?? []),\n',
    replace: '',
    test: { file: 'src/apiserver/admission/pod-security/pod-security.test.ts', name: 'init and ephemeral containers' },
  },
  {
    bug: 'a token of an issuer need not be for this cluster',
    file: 'src/apiserver/authn/jwt.ts',
    find: '        audience,\n',
    replace: '',
    test: { file: 'test/integration/extension/authentication.test.ts', name: 'no token for somebody else' },
  },
  {
    bug: 'the audit log shows objects at the level Metadata',
    file: 'src/apiserver/audit/auditor.ts',
    find: "decision.level !== 'Metadata' && this.#sent !== undefined",
    replace: 'this.#sent !== undefined',
    test: { file: 'src/apiserver/audit/audit.test.ts', name: 'is told of at each stage, once' },
  },
  {
    bug: 'the first queue goes first, whatever it has had',
    file: 'src/apiserver/flowcontrol/fair-queue.ts',
    find: 'if (done < end) [next',
    replace: 'if (!next) [next',
    test: { file: fairQueueTest, name: 'wide requests and narrow ones get the same part' },
  },
  {
    bug: 'requests are charged by their number, not by the time they take',
    file: 'src/apiserver/flowcontrol/fair-queue.ts',
    find: 'queue.nextDispatch -= (estimateMs - (nowMs - (entry.startedMs as number))) * entry.seats;',
    replace: '',
    test: { file: fairQueueTest, name: 'slow requests pay for the time they take' },
  },
  {
    bug: 'every flow may use every queue',
    file: 'src/apiserver/flowcontrol/fair-queue.ts',
    find: 'const hand = deal(fnv1a(flow), this.#config)',
    replace: 'const hand = deal(0, this.#config)',
    test: { file: fairQueueTest, name: 'a flood by one flow does not starve another' },
  },
  {
    bug: 'the credentials for this server are passed on to what is behind the proxy',
    file: 'src/apiserver/passed-headers.ts',
    find: "  'authorization',\n",
    replace: '',
    test: { file: 'src/apiserver/proxy-target.test.ts', name: 'headers, but none that are for this server' },
  },
  {
    bug: 'a binding in one namespace grants in all',
    file: 'src/apiserver/authz/rbac.ts',
    find: "resource.startsWith('rolebindings.') ? (object.metadata.namespace ?? '') : ''",
    replace: "''",
    test: { file: authorizerTest, name: 'allows what a role of the namespace says' },
  },
  {
    bug: 'a deleted binding goes on granting',
    file: 'src/apiserver/authz/rbac.ts',
    find: '      byBinding?.delete(key);',
    replace: '',
    test: { file: authorizerTest, name: 'follows changed and deleted bindings' },
  },
  {
    bug: 'everybody is a master',
    file: 'src/apiserver/authz/authorizer.ts',
    find: 'if (user.groups.includes(mastersGroup))',
    replace: 'if (user.groups.length > 0)',
    test: { file: authorizerTest, name: 'allows what a role of the namespace says' },
  },
  {
    bug: 'a namespace that ends takes new objects',
    file: 'src/apiserver/admission/namespace-lifecycle.ts',
    find: "if (namespace.metadata.deletionTimestamp || namespace.status?.phase === 'Terminating')",
    replace: 'if (!namespace)',
    test: { file: admissionTest, name: 'wants a namespace that is there and stays' },
  },
  {
    bug: 'a node gets tokens of pods on other nodes',
    file: 'src/apiserver/admission/node-restriction-pods.ts',
    find: "if (pod.spec.nodeName !== node)\n    throw refused(context, 'node requested token bound",
    replace: "if (!pod.spec.nodeName)\n    throw refused(context, 'node requested token bound",
    test: { file: admissionTest, name: 'gives it tokens of its own pods only' },
  },
  {
    bug: 'a pod gets a token that it does not want',
    file: 'src/apiserver/admission/service-account.ts',
    find: 'pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true',
    replace: 'account.automountServiceAccountToken ?? true',
    test: { file: admissionTest, name: 'leaves out the token where it is not wanted' },
  },
  {
    bug: 'an object is deleted although it is not the one that was meant',
    file: 'src/apiserver/verbs/delete.ts',
    find: 'if (uid && uid !== old.metadata.uid) {',
    replace: 'if (uid === old.metadata.uid && !uid) {',
    test: { file: transportTest, name: 'deletes with preconditions' },
  },
  {
    bug: 'an object goes before its finalizers',
    file: 'src/apiserver/verbs/delete.ts',
    find: 'if (grace === 0 && finalizers.length === 0)',
    replace: 'if (grace === 0)',
    test: { file: transportTest, name: 'keeps an object until its finalizers are gone' },
  },
  {
    bug: 'an update of an old version overwrites the newer one',
    file: 'src/apiserver/verbs/update.ts',
    find: 'if (metadata.resourceVersion !== old.metadata.resourceVersion)',
    replace: 'if (Number(metadata.resourceVersion) > Number(old.metadata.resourceVersion))',
    test: { file: transportTest, name: 'refuses an update of a version that is not the newest' },
  },
  {
    bug: 'a write that changes nothing makes a version',
    file: 'src/apiserver/verbs/update.ts',
    find: 'isUnchanged(object, old)) return',
    replace: 'isUnchanged(object, old) && dryRun) return',
    test: { file: transportTest, name: 'makes no new version when nothing changes' },
  },
];
