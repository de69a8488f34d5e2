import { describe, expect, it } from 'vitest';
import { namespaces, pods } from '../../../api/generated/resources.ts';
import { StatusError } from '../../../api/meta/status-error.ts';
import type { KubeObject, Resource } from '../../../api/resource.ts';
import { seededRng } from '../../../base/rng.ts';
import { VirtualClock } from '../../../base/virtual-clock.ts';
import { deployments } from '../../../api/generated/resources.ts';
import { Authorizer } from '../../authz/authorizer.ts';
import { FakeObjectReader } from '../../object-reader.fake.ts';
import { Admission } from '../admission.ts';
import type { CheckedPod } from './checked-pod.ts';
import { violationsOf, violationText } from './checks.ts';
import { everythingPrivileged, isStricter, type Level, policyOf } from './policy.ts';
import { parseAdmissionConfig } from '../admission-config.ts';
import { podSecurityOptions } from './pod-security-config.ts';
import { podSecurity, type PodSecurityOptions } from './pod-security.ts';

const container = (more: object = {}, name = 'a') => ({ name, image: 'x', ...more });
const pod = (spec: object, annotations?: Record<string, string>): CheckedPod =>
  ({ metadata: annotations ? { annotations } : {}, spec: { containers: [container()], ...spec } }) as CheckedPod;
const secured = (securityContext: object, ...names: string[]) =>
  pod({ containers: (names.length > 0 ? names : ['a']).map((name) => container({ securityContext }, name)) });
const said = (level: Level, checked: CheckedPod, version = 'latest') =>
  violationText(violationsOf({ level, version }, checked));

/** What every container of a restricted pod says. */
const hardened = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};

describe('baseline', () => {
  it.each([
    ['a plain pod', pod({}), ''],
    [
      'AppArmor',
      pod(
        { securityContext: { appArmorProfile: { type: 'Unconfined' } } },
        { 'container.apparmor.security.beta.kubernetes.io/a': 'unconfined' },
      ),
      'forbidden AppArmor profiles (pod must not set AppArmor profile type to "Unconfined"; annotation container.apparmor.security.beta.kubernetes.io/a="unconfined")',
    ],
    [
      'capabilities',
      secured({ capabilities: { add: ['NET_ADMIN', 'CHOWN', 'BPF'] } }, 'a', 'b'),
      'non-default capabilities (containers "a", "b" must not include "BPF", "NET_ADMIN" in securityContext.capabilities.add)',
    ],
    [
      'namespaces, paths and ports of the host',
      pod({
        hostNetwork: true,
        hostIPC: true,
        volumes: [{ name: 'v', hostPath: { path: '/' } }],
        containers: [container({ ports: [{ hostPort: 80 }, { hostPort: 8080 }] })],
      }),
      'host namespaces (hostNetwork=true, hostIPC=true), hostPath volumes (volume "v"), hostPort (container "a" uses hostPorts 80, 8080)',
    ],
    [
      'init and ephemeral containers',
      pod({
        initContainers: [container({ securityContext: { privileged: true } }, 'i')],
        ephemeralContainers: [container({ securityContext: { privileged: true } }, 'e')],
      }),
      'privileged (containers "i", "e" must not set securityContext.privileged=true)',
    ],
    [
      'hosts of probes',
      pod({ containers: [container({ livenessProbe: { httpGet: { host: '10.0.0.1', port: 80 } } })] }),
      'probe or lifecycle host (container "a" uses probe or lifecycle host "10.0.0.1")',
    ],
    [
      'procMount',
      secured({ procMount: 'Unmasked' }),
      'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
    ],
    [
      'SELinux',
      pod({
        securityContext: { seLinuxOptions: { user: 'u', type: 'spc_t' } },
        containers: [container({ securityContext: { seLinuxOptions: { role: 'r' } } })],
      }),
      'seLinuxOptions (pod and container "a" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set; role may not be set)',
    ],
    [
      'seccomp',
      secured({ seccompProfile: { type: 'Unconfined' } }),
      'seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [
      'sysctls',
      pod({ securityContext: { sysctls: [{ name: 'kernel.msgmax' }, { name: 'net.ipv4.tcp_rmem' }, { name: 'x' }] } }),
      'forbidden sysctls (kernel.msgmax, x)',
    ],
    [
      'Windows host processes',
      pod({ securityContext: { windowsOptions: { hostProcess: true } } }),
      'hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)',
    ],
  ])('%s', (_, checked, text) => {
    expect(said('baseline', checked)).toBe(text);
    expect(said('privileged', checked)).toBe('');
  });
});

describe('restricted', () => {
  it('wants to be told that a pod has no rights', () => {
    expect(said('restricted', pod({}))).toBe(
      'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    );
    expect(said('restricted', secured(hardened, 'a', 'b'))).toBe('');
  });

  it.each([
    [
      'stands in for what is laxer in baseline',
      pod({
        volumes: [
          { name: 'v', hostPath: { path: '/' } },
          { name: 'n', nfs: {} },
          { name: 's', secret: {} },
        ],
        containers: [container({ securityContext: { ...hardened, capabilities: { drop: ['ALL'], add: ['CHOWN'] } } })],
      }),
      'unrestricted capabilities (container "a" must not include "CHOWN" in securityContext.capabilities.add), restricted volume types (volumes "v", "n" use restricted volume types "hostPath", "nfs")',
    ],
    [
      'root',
      pod({
        securityContext: { runAsNonRoot: false, runAsUser: 0 },
        containers: [container({ securityContext: hardened })],
      }),
      'runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false), runAsUser=0 (pod must not set runAsUser=0)',
    ],
    [
      'root of its own users only',
      pod({
        hostUsers: false,
        containers: [container({ securityContext: { ...hardened, runAsNonRoot: undefined, runAsUser: 0 } })],
      }),
      '',
    ],
    ['Windows', pod({ os: { name: 'windows' }, securityContext: { runAsNonRoot: true } }), ''],
  ])('%s', (_, checked, text) => {
    expect(said('restricted', checked)).toBe(text);
  });

  it('is what it was in the release that is asked for', () => {
    const rootUser = secured({ ...hardened, runAsUser: 0 });
    expect(said('restricted', rootUser, 'v1.22')).toBe('');
    expect(said('restricted', rootUser, 'v1.23')).toContain('runAsUser=0');
    expect(said('restricted', rootUser, 'v1.99')).toContain('runAsUser=0');
    expect(said('restricted', pod({}), 'v1.8')).not.toContain('seccompProfile');
  });
});

describe('levels of a namespace', () => {
  const label = 'pod-security.kubernetes.io/';

  it('follow from its labels', () => {
    const labels = {
      [`${label}enforce`]: 'baseline',
      [`${label}enforce-version`]: 'v1.30',
      [`${label}warn`]: 'restricted',
    };
    expect(policyOf(labels, everythingPrivileged)).toEqual({
      policy: {
        enforce: { level: 'baseline', version: 'v1.30' },
        audit: { level: 'privileged', version: 'latest' },
        warn: { level: 'restricted', version: 'latest' },
      },
      errors: [],
    });
  });

  it('are the strictest where they cannot be read', () => {
    const { policy, errors } = policyOf(
      { [`${label}enforce`]: 'x', [`${label}warn-version`]: '1.2' },
      everythingPrivileged,
    );
    expect(policy.enforce.level).toBe('restricted');
    expect(errors.map(({ message }) => message)).toEqual([
      'must be one of privileged, baseline, restricted',
      'must be "latest" or "v1.x"',
    ]);
  });

  it('are compared', () => {
    const at = (level: Level, version = 'latest') => ({ level, version });
    expect(isStricter(at('baseline'), at('privileged'))).toBe(true);
    expect(isStricter(at('baseline'), at('restricted'))).toBe(false);
    expect(isStricter(at('baseline'), at('baseline', 'v1.20'))).toBe(true);
    expect(isStricter(at('privileged'), at('privileged', 'v1.20'))).toBe(false);
  });
});

describe('a configuration', () => {
  const text = (plugins: object[]) =>
    JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AdmissionConfiguration', plugins });
  const plugin = (more: object) => ({
    name: 'PodSecurity',
    configuration: {
      ...{ apiVersion: 'pod-security.admission.config.k8s.io/v1', kind: 'PodSecurityConfiguration' },
      ...more,
    },
  });

  const readOptions = (given: string) => {
    const told = parseAdmissionConfig(given, () => '')['PodSecurity'];
    return told ? podSecurityOptions(told) : undefined;
  };

  it('has defaults for namespaces without labels, and exemptions', () => {
    const defaults = { enforce: 'baseline', 'enforce-version': 'v1.30' };
    const read = readOptions(text([plugin({ defaults, exemptions: { namespaces: ['kube-system'] } })]));
    expect(read?.defaults.enforce).toEqual({ level: 'baseline', version: 'v1.30' });
    expect(read?.defaults.warn.level).toBe('privileged');
    expect(read?.exempt).toEqual({ usernames: [], runtimeClasses: [], namespaces: ['kube-system'] });
    expect(readOptions(text([]))).toBeUndefined();
  });

  it.each([
    ['{}', 'it is no AdmissionConfiguration'],
    [text([{ name: 'LimitRanger' }]), 'plugins: Unsupported value: "LimitRanger"'],
    [text([{ name: 'PodSecurity', configuration: {} }]), 'it is no PodSecurityConfiguration'],
    [
      text([plugin({ defaults: { warn: 'x' } })]),
      'defaults.warn: Invalid value: "x": must be one of privileged, baseline, restricted',
    ],
  ])('%s is refused', (given, message) => {
    expect(() => readOptions(given)).toThrow(message);
  });
});

describe('the plugin', () => {
  const labels = (level: string) => ({ 'pod-security.kubernetes.io/enforce': level });

  function plugin(options?: PodSecurityOptions) {
    const read = new FakeObjectReader();
    const deps = { read, authorizer: new Authorizer(() => undefined), clock: new VirtualClock(), rng: seededRng(1) };
    const admission = new Admission(deps, { plugins: [podSecurity(options)] });
    const write = async (resource: Resource, object: unknown, old?: unknown) => {
      const warnings: string[] = [];
      const annotations: Record<string, string> = {};
      const { name, namespace = '' } = (object as KubeObject).metadata;
      const request = {
        ...{ endpoint: { kind: resource }, subresource: '', namespace, name, user: { name: 'jane', groups: [] } },
        warn: (text: string) => warnings.push(text),
        annotate: (key: string, value: string) => void (annotations[key.replace(/^.*\//, '')] = value),
      } as never;
      const verb = old ? 'update' : 'create';
      const error = await admission
        .validate({ verb, request, object: object as KubeObject, old: old as KubeObject, dryRun: false })
        .then(
          () => undefined,
          (thrown: unknown) => (thrown as StatusError).status,
        );
      return { error, warnings, annotations };
    };
    const namespace = (more: object) => read.put(namespaces, { metadata: { name: 'ns', labels: more } });
    return { read, write, namespace };
  }

  const risky = (name = 'p') => ({
    metadata: { name, namespace: 'ns' },
    spec: { containers: [container({ securityContext: { privileged: true } })] },
  });

  it('refuses pods, and only tells of what makes them', async () => {
    const { write, namespace } = plugin();
    namespace({
      ...labels('baseline'),
      'pod-security.kubernetes.io/audit': 'baseline',
      'pod-security.kubernetes.io/warn': 'baseline',
    });
    const text =
      'PodSecurity "baseline:latest": privileged (container "a" must not set securityContext.privileged=true)';
    expect(await write(pods, risky())).toMatchObject({
      error: { code: 403, message: `pods "p" is forbidden: violates ${text}` },
      annotations: { 'enforce-policy': 'baseline:latest', 'audit-violations': `would violate ${text}` },
      warnings: [],
    });
    const made = { metadata: { name: 'd', namespace: 'ns' }, spec: { template: risky() } };
    expect(await write(deployments, made)).toEqual({
      error: undefined,
      warnings: [`would violate ${text}`],
      annotations: { 'audit-violations': `would violate ${text}` },
    });
  });

  it('lets an existing pod be, until it gets other images', async () => {
    const { write, namespace } = plugin();
    namespace(labels('baseline'));
    const labelled = { ...risky(), metadata: { ...risky().metadata, labels: { a: 'b' } } };
    expect((await write(pods, labelled, risky())).error).toBeUndefined();
    const other = risky();
    (other.spec.containers[0] as { image: string }).image = 'y';
    expect((await write(pods, other, risky())).error?.code).toBe(403);
  });

  it('exempts whom it is told to, and says so', async () => {
    const exempt = { usernames: ['jane'], runtimeClasses: [], namespaces: [] };
    const { write, namespace } = plugin({ defaults: everythingPrivileged, exempt });
    namespace(labels('restricted'));
    expect(await write(pods, risky())).toEqual({ error: undefined, warnings: [], annotations: { exempt: 'user' } });
  });

  it('refuses labels that cannot be read, and tells of pods that a stricter level would not let in', async () => {
    const { read, write } = plugin();
    const labelled = (level: string) => ({ metadata: { name: 'ns', labels: labels(level) } });
    expect((await write(namespaces, labelled('strict'))).error).toMatchObject({
      code: 422,
      message:
        'Namespace "ns" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
    });
    const owned = (name: string) => ({
      ...risky(name),
      metadata: { ...risky(name).metadata, ownerReferences: [{ uid: '1', controller: true }] },
    });
    for (const one of [owned('a'), owned('b'), { ...risky('c'), metadata: { ...risky('c').metadata, uid: '2' } }])
      read.put(pods, one);
    const { error, warnings } = await write(namespaces, labelled('baseline'), { metadata: { name: 'ns' } });
    expect(error).toBeUndefined();
    expect(warnings).toEqual([
      'existing pods in namespace "ns" violate the new PodSecurity enforce level "baseline:latest"',
      'a (and 1 other pod): privileged',
      'c: privileged',
    ]);
    expect((await write(namespaces, labelled('privileged'), labelled('baseline'))).warnings).toEqual([]);
  });
});
