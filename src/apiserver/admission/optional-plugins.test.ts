import { beforeEach, describe, expect, it } from 'vitest';
import { deployments, events, namespaces, nodes, podgroups, pods, services } from '../../api/generated/resources.ts';
import type { Pod, Toleration } from '../../api/generated/types.ts';
import type { StatusError } from '../../api/meta/status-error.ts';
import type { KubeObject, Resource } from '../../api/resource.ts';
import { seededRng } from '../../base/rng.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { Authorizer } from '../authz/authorizer.ts';
import { FakeObjectReader } from '../object-reader.fake.ts';
import { Admission } from './admission.ts';
import type { AdmissionVerb } from './plugin.ts';
import { choiceOf, lastPlugins, type PluginOptions, pluginsWith } from './plugins.ts';

const jane = { name: 'jane', groups: ['system:authenticated'] };
const files: Record<string, string> = {};

let read: FakeObjectReader;
let clock: VirtualClock;
let allowed: (resource: string, verb: string) => boolean;
beforeEach(() => {
  read = new FakeObjectReader();
  clock = new VirtualClock();
  allowed = () => true;
  namespace();
});

const namespace = (annotations: Record<string, string> = {}) =>
  read.put(namespaces, { metadata: { name: 'err', annotations }, status: { phase: 'Active' } });

interface Write {
  verb?: AdmissionVerb;
  subresource?: string;
  old?: unknown;
  dryRun?: boolean;
}

/** Only the plugin of that name, as a server would make it. */
function plugin(name: string, configuration?: unknown) {
  const authorizer = new Authorizer(() => undefined);
  authorizer.configure([
    {
      name: 'test',
      authorize: (_, attributes) => {
        const { resource, subresource, verb } = attributes as { resource: string; subresource: string; verb: string };
        return { allowed: allowed(subresource ? `${resource}/${subresource}` : resource, verb), reason: '' };
      },
    },
  ]);
  const options: PluginOptions = { enabled: [name], configurations: { [name]: configuration } };
  const resourceOf = (apiVersion: string, kind: string) =>
    apiVersion === 'apps/v1' && kind === 'Deployment' ? { ...deployments, version: 'v1' } : undefined;
  const readFile = (path: string) => files[path] ?? '';
  const all = [...pluginsWith(options, { resourceOf, readFile }), ...lastPlugins(options)];
  const plugins = all.filter((one) => one.name === name);
  const admission = new Admission({ read, authorizer, clock, rng: seededRng(1) }, { plugins });
  return async <T extends object>(resource: Resource, object: T, write: Write = {}): Promise<T> => {
    const { verb = write.old ? 'update' : 'create', subresource = '', dryRun = false } = write;
    const { name: objectName } = (object as KubeObject).metadata;
    const at = { namespace: resource.namespaced ? 'err' : '', name: objectName, user: jane };
    const request = { endpoint: { kind: resource }, subresource, ...at, warn() {} } as never;
    const old = write.old as KubeObject | undefined;
    await admission.admit({ verb, request, object: object as KubeObject, old, dryRun });
    await admission.validate({ verb, request, object: object as KubeObject, old, dryRun });
    return object;
  };
}
const message = (written: Promise<unknown>): Promise<string> =>
  written.then(
    () => 'admitted',
    (error: StatusError) => error.message,
  );

const pod = (spec: object = {}, metadata: object = {}): Pod =>
  ({
    metadata: { name: 'p', namespace: 'err', generation: 1, ...metadata },
    spec: { containers: [{ name: 'c', image: 'a' }], ...spec },
  }) as Pod;

describe('the choice', () => {
  it('is what is on by itself, what is turned on, and not what is turned off', () => {
    const runs = choiceOf({ enabled: ['AlwaysPullImages'], disabled: ['LimitRanger', 'ValidatingAdmissionWebhook'] });
    const names = ['AlwaysPullImages', 'LimitRanger', 'ServiceAccount', 'ValidatingAdmissionWebhook', 'AlwaysDeny'];
    expect(names.map(runs)).toEqual([true, false, true, false, false]);
  });

  it.each<[PluginOptions, string]>([
    [{ enabled: ['Nonsense'] }, 'enable-admission-plugins plugin "Nonsense" is unknown'],
    [{ disabled: ['Nonsense'] }, 'disable-admission-plugins plugin "Nonsense" is unknown'],
    [
      { enabled: ['Priority'], disabled: ['Priority'] },
      '[Priority] in enable-admission-plugins and disable-admission-plugins overlapped',
    ],
    [{ disabled: ['ResourceQuota'] }, 'plugin "ResourceQuota" cannot be disabled'],
  ])('%j is none', (options, text) => {
    expect(() => choiceOf(options)).toThrow(text);
  });
});

describe('AlwaysPullImages', () => {
  it('has every image pulled, and lets what was there alone', async () => {
    const write = plugin('AlwaysPullImages');
    const volumes = [{ name: 'v', image: { reference: 'x' } }];
    const { spec } = await write(pods, pod({ initContainers: [{ name: 'i', image: 'b' }], volumes }));
    expect([spec.containers[0]?.imagePullPolicy, spec.initContainers?.[0]?.imagePullPolicy]).toEqual([
      'Always',
      'Always',
    ]);
    expect(spec.volumes?.[0]?.image?.pullPolicy).toBe('Always');
    const old = pod({ containers: [{ name: 'c', image: 'a', imagePullPolicy: 'Never' }] });
    const same = await write(pods, structuredClone(old), { old });
    expect(same.spec.containers[0]?.imagePullPolicy).toBe('Never');
  });
});

describe('LimitPodHardAntiAffinityTopology', () => {
  it('keeps pods off one node, never off more', async () => {
    const write = plugin('LimitPodHardAntiAffinityTopology');
    const apart = (topologyKey: string) =>
      pod({
        affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey }] } },
      });
    expect(await message(write(pods, apart('kubernetes.io/hostname')))).toBe('admitted');
    expect(await message(write(pods, apart('zone')))).toBe(
      'pods "p" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone but only key kubernetes.io/hostname is allowed',
    );
  });
});

describe('ExtendedResourceToleration', () => {
  it('tolerates the devices that a pod asks for', async () => {
    const resources = { requests: { 'test.io/gpu': '1', cpu: '1', 'test.io/fpga': '2' } };
    const { spec } = await plugin('ExtendedResourceToleration')(
      pods,
      pod({
        containers: [{ name: 'c', resources }],
        tolerations: [{ key: 'test.io/gpu', operator: 'Exists' }],
      }),
    );
    expect(spec.tolerations?.map(({ key }) => key)).toEqual(['test.io/gpu', 'test.io/fpga']);
  });
});

describe('DenyServiceExternalIPs', () => {
  it('lets addresses stay, and none come', async () => {
    const write = plugin('DenyServiceExternalIPs');
    const service = (...externalIPs: string[]) => ({ metadata: { name: 's' }, spec: { externalIPs } });
    expect(await message(write(services, service()))).toBe('admitted');
    expect(await message(write(services, service('1.1.1.1'), { old: service('1.1.1.1', '2.2.2.2') }))).toBe('admitted');
    expect(await message(write(services, service('1.1.1.1')))).toBe(
      'services "s" is forbidden: Use of external IPs is denied by admission control',
    );
  });
});

describe('PodNodeSelector', () => {
  const config = { podNodeSelectorPluginConfig: { clusterDefaultNodeSelector: 'disk=ssd', err: 'disk=ssd,env=test' } };

  it('sends pods to the nodes of their namespace, or to the usual ones', async () => {
    const write = plugin('PodNodeSelector', config);
    expect((await write(pods, pod())).spec.nodeSelector).toEqual({ disk: 'ssd' });
    namespace({ 'scheduler.alpha.kubernetes.io/node-selector': 'env=test' });
    expect((await write(pods, pod({ nodeSelector: { disk: 'ssd' } }))).spec.nodeSelector).toEqual({
      ...{ env: 'test', disk: 'ssd' },
    });
  });

  it.each([
    [{ disk: 'hdd' }, 'pod node label selector conflicts with its namespace node label selector'],
    [{ other: 'x' }, 'pod node label selector labels conflict with its namespace whitelist'],
  ])('refuses %j', async (nodeSelector, text) => {
    const write = plugin('PodNodeSelector', config);
    expect(await message(write(pods, pod({ nodeSelector })))).toBe(`pods "p" is forbidden: ${text}`);
  });

  it('takes no selector that is none', () => {
    const wrong = { podNodeSelectorPluginConfig: { err: 'a b' } };
    expect(() => plugin('PodNodeSelector', wrong)).toThrow('invalid selector: [a b]');
  });
});

describe('PodTolerationRestriction', () => {
  const annotate = (defaults: Toleration[], whitelist?: Toleration[]) =>
    namespace({
      'scheduler.alpha.kubernetes.io/defaultTolerations': JSON.stringify(defaults),
      ...(whitelist ? { 'scheduler.alpha.kubernetes.io/tolerationsWhitelist': JSON.stringify(whitelist) } : {}),
    });
  const a: Toleration = { key: 'a', operator: 'Equal', value: '1', effect: 'NoSchedule' };

  it('gives pods the tolerations of their namespace', async () => {
    annotate(
      [a],
      [
        { key: 'a', operator: 'Exists' },
        { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' },
      ],
    );
    const write = plugin('PodTolerationRestriction');
    expect((await write(pods, pod())).spec.tolerations).toEqual([a]);
    const asking = { containers: [{ name: 'c', resources: { requests: { memory: '1' } } }] };
    expect((await write(pods, pod(asking))).spec.tolerations?.map(({ key }) => key)).toEqual([
      ...['a', 'node.kubernetes.io/memory-pressure'],
    ]);
  });

  it('refuses what contradicts them, and what the namespace does not allow', async () => {
    annotate([a], [a]);
    const write = plugin('PodTolerationRestriction');
    expect(await message(write(pods, pod({ tolerations: [{ ...a, value: '2' }] })))).toBe(
      'pods "p" is forbidden: namespace tolerations and pod tolerations conflict',
    );
    expect(await message(write(pods, pod({ tolerations: [{ key: 'b', operator: 'Exists' }] })))).toBe(
      'pods "p" is forbidden: pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist',
    );
  });

  it('asks its configuration for namespaces that say nothing', async () => {
    const write = plugin('PodTolerationRestriction', { default: [a] });
    expect((await write(pods, pod())).spec.tolerations).toEqual([a]);
  });
});

describe('EventRateLimit', () => {
  const event = (name: string, more: object = {}) => ({
    metadata: { name, namespace: 'err' },
    involvedObject: { kind: 'Pod', name: 'p' },
    ...more,
  });

  it('lets through as many as it may, then more as time goes by', async () => {
    const write = plugin('EventRateLimit', { limits: [{ type: 'Namespace', qps: 1, burst: 2 }] });
    expect([await message(write(events, event('a'))), await message(write(events, event('b')))]).toEqual([
      ...['admitted', 'admitted'],
    ]);
    const refused = await write(events, event('c')).catch((error: StatusError) => error.status);
    expect(refused).toMatchObject({ code: 429, message: 'limit reached on type Namespace for key err' });
    expect(await message(write(events, event('c'), { dryRun: true }))).toBe('admitted');
    await clock.advance(1000);
    expect([await message(write(events, event('c'))), await message(write(events, event('d')))]).toEqual([
      'admitted',
      'limit reached on type Namespace for key err',
    ]);
  });

  it('counts by who tells of what', async () => {
    const write = plugin('EventRateLimit', { limits: [{ type: 'SourceAndObject', qps: 1, burst: 1 }] });
    expect(await message(write(events, event('a')))).toBe('admitted');
    expect(await message(write(events, event('b', { source: { component: 'x' } })))).toBe('admitted');
    expect(await message(write(events, event('c')))).toBe('limit reached on type SourceAndObject for key Podp');
  });

  it.each([
    [{}, 'limits: Invalid value: []: must not empty'.replace('not empty', 'not be empty')],
    [
      { limits: [{ type: 'No', qps: 1, burst: 1 }] },
      'limits[0].type: Unsupported value: "No": supported values: "Namespace"',
    ],
    [{ limits: [{ type: 'User', qps: 0, burst: 1 }] }, 'limits[0].qps: Invalid value: 0: must be positive'],
    [{ limits: [{ type: 'User', qps: 5, burst: 1 }] }, 'limits[0].burst: Invalid value: 1'],
  ])('%j is no configuration', (configuration, text) => {
    expect(() => plugin('EventRateLimit', configuration)).toThrow(text);
  });
});

describe('OwnerReferencesPermissionEnforcement', () => {
  const owned = (more: object = {}, apiVersion = 'apps/v1') =>
    pod({}, { ownerReferences: [{ apiVersion, kind: 'Deployment', name: 'd', uid: '1', ...more }] });

  it('wants who changes owners to be allowed to delete', async () => {
    const write = plugin('OwnerReferencesPermissionEnforcement');
    allowed = (resource, verb) => !(resource === 'pods' && verb === 'delete');
    expect(await message(write(pods, owned()))).toBe('admitted');
    expect(await message(write(pods, owned(), { old: owned() }))).toBe('admitted');
    expect(await message(write(pods, owned(), { old: pod() }))).toContain(
      "cannot set an ownerRef on a resource you can't delete",
    );
  });

  it('wants who holds an owner up to be allowed to change its finalizers', async () => {
    const write = plugin('OwnerReferencesPermissionEnforcement');
    const blocking = { blockOwnerDeletion: true };
    expect(await message(write(pods, owned(blocking)))).toBe('admitted');
    expect(await message(write(pods, owned(blocking, 'x.io/v1')))).toContain(
      'cannot find RESTMapping for APIVersion x.io/v1 Kind Deployment',
    );
    allowed = (resource) => resource !== 'deployments/finalizers';
    expect(await message(write(pods, owned(blocking), { old: owned(blocking) }))).toBe('admitted');
    expect(await message(write(pods, owned(blocking)))).toContain(
      "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on",
    );
  });
});

describe('NamespaceExists, AlwaysAdmit and AlwaysDeny', () => {
  it('say what their names say', async () => {
    expect(await message(plugin('NamespaceExists')(pods, pod()))).toBe('admitted');
    expect(await message(plugin('AlwaysAdmit')(pods, pod()))).toBe('admitted');
    expect(await message(plugin('AlwaysDeny')(pods, pod()))).toBe(
      'pods "p" is forbidden: admission control is denying all modifications',
    );
    read = new FakeObjectReader();
    expect(await message(plugin('NamespaceExists')(pods, pod(), { old: pod() }))).toBe('namespaces "err" not found');
  });
});

describe('PodGroupProtection', () => {
  const finalizer = 'scheduling.k8s.io/podgroup-protection';
  const group = { metadata: { name: 'g', namespace: 'err' } };

  it('guards groups, and lets no pod into one that goes', async () => {
    const write = plugin('PodGroupProtection');
    expect(await write(podgroups, structuredClone(group))).toMatchObject({ metadata: { finalizers: [finalizer] } });
    const member = pod({ schedulingGroup: { podGroupName: 'g' } });
    expect(await message(write(pods, member))).toBe('admitted');
    read.put(podgroups, group);
    expect(await message(write(pods, member))).toBe('admitted');
    read.put(podgroups, { metadata: { ...group.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
    expect(await message(write(pods, member))).toBe(
      'pods "p" is forbidden: cannot create Pod referencing PodGroup "g" because it is being deleted',
    );
  });
});

describe('a resize', () => {
  const sized = (cpu: string, memory = '1Gi', generation = 1) =>
    pod({ nodeName: 'n1', containers: [{ name: 'c', resources: { requests: { cpu, memory } } }] }, { generation });
  const node = (more: object = {}, labels = {}) =>
    read.put(nodes, {
      metadata: { name: 'n1', labels },
      status: { allocatable: { cpu: '2', memory: '4Gi' }, ...more },
    });
  const resize = (name: string, wanted: Pod, old: object = sized('1')) =>
    plugin(name)(pods, wanted, { old, subresource: 'resize' });

  it('goes no further than the node', async () => {
    node();
    expect(await message(resize('PodResizeValidator', sized('2', '4Gi', 2)))).toBe('admitted');
    const { status } = await resize('PodResizeValidator', sized('3', '5Gi', 2)).catch((error: StatusError) => error);
    expect(status).toMatchObject({
      message: `pods "p" is forbidden: node didn't have enough allocatable resources: cpu, requested: 3000, allocatable: 2000; memory, requested: ${5 * 2 ** 30}, allocatable: ${4 * 2 ** 30}`,
      details: { causes: [{ reason: 'NodeCapacity' }] },
    });
    node({}, { 'kubernetes.io/os': 'windows' });
    expect(await message(resize('PodResizeValidator', sized('1', '1Gi', 2)))).toContain(
      'pod resize is only supported on linux nodes, node "n1" is "windows"',
    );
    expect(await message(resize('PodResizeValidator', sized('9')))).toBe('admitted');
  });

  it('is one that the node knows of', async () => {
    node();
    const guaranteed = { ...sized('1'), status: { qosClass: 'Guaranteed' } };
    const validator = 'NodeDeclaredFeatureValidator';
    expect(await message(resize(validator, sized('2', '1Gi', 2)))).toBe('admitted');
    expect(await message(resize(validator, sized('2', '1Gi', 2), guaranteed))).toBe(
      'pods "p" is forbidden: pod update requires features GuaranteedQoSPodCPUResize which are not available on node "n1"',
    );
    node({ declaredFeatures: ['GuaranteedQoSPodCPUResize'] });
    expect(await message(resize(validator, sized('2', '1Gi', 2), guaranteed))).toBe('admitted');
    const whole = sized('1', '1Gi', 2);
    whole.spec.resources = { requests: { cpu: '2' } };
    expect(await message(resize(validator, whole))).toContain('InPlacePodLevelResourcesVerticalScaling');
    const ofInit = (restartPolicy?: string) => {
      const pod = sized('1', '1Gi', 2);
      const resources = { requests: { cpu: '2' } };
      pod.spec.initContainers = [{ name: 'i', image: 'i', restartPolicy, resources }];
      return pod;
    };
    expect(await message(resize(validator, ofInit()))).toContain('InPlacePodVerticalScalingInitContainers');
    expect(await message(resize(validator, ofInit('Always')))).toBe('admitted');
  });
});
