import { beforeAll, describe, expect, it } from 'vitest';
import type { Node } from '../../src/api/generated/types.ts';
import { wholeValue } from '../../src/api/meta/quantity.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { listOf, pod, sh } from './manifests.ts';
import { expectLines, outputsOf, podName, type Said } from './outputs.ts';

const namespace = 'volume-files';
const data = { 'data-1': 'value-1', 'data-2': 'value-2' };
const bytes = Buffer.from([0xde, 0xca, 0xfe, 0xba, 0xd0, 0xfe, 0xff, 0x00]);
const objects = [
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'conf' },
    data,
    binaryData: { 'dump.bin': bytes.toString('base64') },
  },
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'sec' }, stringData: data },
  ...Array.from({ length: 50 }, (_, i) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `many-${i}` },
    data: { file: String(i) },
  })),
];

/** How a volume names the keys of an object, their paths and modes; the four kinds of volume that do. */
interface Keys {
  defaultMode?: number;
  items?: { key: string; path: string; mode?: number }[];
}
const sources: Record<string, (keys: Keys) => object> = {
  'a ConfigMap': (keys) => ({ configMap: { name: 'conf', ...keys } }),
  'a Secret': (keys) => ({ secret: { secretName: 'sec', ...keys } }),
  'a projected ConfigMap': ({ defaultMode, items }) => ({
    projected: { defaultMode, sources: [{ configMap: { name: 'conf', items } }] },
  }),
  'a projected Secret': ({ defaultMode, items }) => ({
    projected: { defaultMode, sources: [{ secret: { name: 'sec', items } }] },
  }),
};

const asUser = { securityContext: { runAsUser: 1000 } };
const asUserOfGroup = { securityContext: { runAsUser: 1000, fsGroup: 1001 } };
const elsewhere = (mode?: number): Keys => ({ items: [{ key: 'data-2', path: 'path/to/it', mode }] });
const show = (file: string): string => `id -u; stat -L -c "%a" ${file}; cat ${file}; echo`;

/** The file is shown as: the user who looks, its mode, its content. */
const ways: { what: string; keys: Keys; file: string; spec?: object; shown: string[] }[] = [
  { what: 'is there', keys: {}, file: 'data-1', shown: ['0', '644', 'value-1'] },
  { what: 'is there for any user', keys: {}, file: 'data-1', spec: asUser, shown: ['1000', '644', 'value-1'] },
  { what: 'has the default mode', keys: { defaultMode: 0o400 }, file: 'data-1', shown: ['0', '400', 'value-1'] },
  {
    what: 'has a default mode for the group of the pod',
    keys: { defaultMode: 0o440 },
    file: 'data-1',
    spec: asUserOfGroup,
    shown: ['1000', '440', 'value-1'],
  },
  { what: 'is at a path of its own', keys: elsewhere(), file: 'path/to/it', shown: ['0', '644', 'value-2'] },
  {
    what: 'is at a path of its own for any user',
    keys: elsewhere(),
    file: 'path/to/it',
    spec: asUser,
    shown: ['1000', '644', 'value-2'],
  },
  { what: 'has a mode of its own', keys: elsewhere(0o400), file: 'path/to/it', shown: ['0', '400', 'value-2'] },
];
const files = Object.keys(sources).flatMap((source) =>
  ways.map((way) => ({ ...way, source, name: podName(source, way.what) })),
);
const filePods = files.map(
  ({ name, source, keys, file, spec }): Said => ({
    name,
    script: show(`/v/${file}`),
    container: { volumeMounts: [{ name: 'v', mountPath: '/v', readOnly: true }] },
    spec: { ...spec, ...volumes({ v: sources[source]?.(keys) ?? {} }) },
  }),
);

const twice = Object.keys(sources).map((source) => ({ source, name: podName(source, 'twice') }));
const twicePods = twice.map(({ name, source }): Said => {
  const volume = sources[source]?.({}) ?? {};
  return {
    name,
    script: 'cat /one/data-1 /other/data-1',
    container: { volumeMounts: ['one', 'other'].map((v) => ({ name: v, mountPath: `/${v}` })) },
    spec: volumes({ one: volume, other: volume }),
  };
});

const binary: Said = {
  name: 'binary',
  script: 'od -An -v -tx1 /v/dump.bin; cat /v/data-1',
  container: { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
  spec: volumes({ v: { configMap: { name: 'conf' } } }),
};

const many = Array.from({ length: 5 }, (_, i): Said => {
  const names = Array.from({ length: 50 }, (_, k) => `many-${k}`);
  return {
    name: `many-${i}`,
    script: 'cat /many-*/file | wc -c',
    container: { volumeMounts: names.map((name) => ({ name, mountPath: `/${name}` })) },
    spec: volumes(Object.fromEntries(names.map((name) => [name, { configMap: { name } }]))),
  };
});

const wrapped: Said = {
  name: 'wrapped',
  script: 'cat /conf/data-1 /sec/data-2; touch /empty/file && echo empty',
  container: { volumeMounts: ['conf', 'sec', 'empty'].map((name) => ({ name, mountPath: `/${name}` })) },
  spec: volumes({
    conf: { configMap: { name: 'conf' } },
    sec: { secret: { secretName: 'sec' } },
    empty: { emptyDir: {} },
  }),
};

// What a pod may know of itself, as files.
const field = (path: string, fieldPath: string, mode?: number) => ({ path, fieldRef: { fieldPath }, mode });
const resource = (path: string, name: string, divisor: string) => ({
  path,
  resourceFieldRef: { containerName: 'c', resource: name, divisor },
});
const downward: Record<string, (items: object[], defaultMode?: number) => object> = {
  'a volume': (items, defaultMode) => ({ downwardAPI: { items, defaultMode } }),
  'a projection': (items, defaultMode) => ({ projected: { defaultMode, sources: [{ downwardAPI: { items } }] } }),
};
const resources = { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '1250m', memory: '64Mi' } };
const asked = [
  resource('limits.cpu', 'limits.cpu', '1m'),
  resource('requests.cpu', 'requests.cpu', '1m'),
  resource('limits.memory', 'limits.memory', '1Mi'),
  resource('requests.memory', 'requests.memory', '1Mi'),
];
interface Known {
  more?: object;
  defaultMode?: number;
}
const downwardPods = Object.entries(downward).flatMap(([source, volume]): Said[] => {
  const known = (what: string, script: string, items: object[], { more = {}, defaultMode }: Known = {}): Said => ({
    name: podName(source, what),
    script,
    container: { volumeMounts: [{ name: 'v', mountPath: '/v' }], ...more },
    spec: volumes({ v: volume(items, defaultMode) }),
  });
  return [
    known('name', 'cat /v/name; echo; stat -L -c %a /v/name', [field('name', 'metadata.name')]),
    known('mode', 'stat -L -c %a /v/name', [field('name', 'metadata.name')], { defaultMode: 0o400 }),
    known('own-mode', 'stat -L -c %a /v/name', [field('name', 'metadata.name', 0o400)]),
    known('asked', 'for f in /v/*.*; do echo "${f#/v/} $(cat $f)"; done', asked, { more: { resources } }),
    known('node', 'for f in /v/*.*; do echo "${f#/v/} $(cat $f)"; done', [
      resource('limits.cpu', 'limits.cpu', '1'),
      resource('limits.memory', 'limits.memory', '1'),
    ]),
  ];
});

const modes = ['0644', '0666', '0777'].flatMap((mode) =>
  ['root', 'another user'].flatMap((user) =>
    ['disk', 'memory'].map((medium) => ({ mode, user, medium, name: podName('empty', mode, user, medium) })),
  ),
);
const emptyDir = (medium: string): object => ({ emptyDir: medium === 'memory' ? { medium: 'Memory' } : {} });
const modePods = modes.map(
  ({ mode, user, medium, name }): Said => ({
    name,
    script: `id -u; stat -c %a /v; echo content >/v/f; chmod ${mode} /v/f; stat -c "%a %u" /v/f; cat /v/f; grep " /v " /proc/mounts | cut -d" " -f3 | sed s/tmpfs/memory/`,
    container: { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    spec: { ...(user === 'root' ? {} : { securityContext: { runAsUser: 1001 } }), ...volumes({ v: emptyDir(medium) }) },
  }),
);

// A file of a volume, at a place of its own.
const single: { source: string; volume: object; subPath: string; shown: string }[] = [
  { source: 'a Secret', volume: { secret: { secretName: 'sec' } }, subPath: 'data-1', shown: 'value-1' },
  { source: 'a ConfigMap', volume: { configMap: { name: 'conf' } }, subPath: 'data-1', shown: 'value-1' },
  {
    source: 'what a pod knows of itself',
    volume: { downwardAPI: { items: [field('sub/name', 'metadata.name')] } },
    subPath: 'sub/name',
    shown: 'single-what-a-pod-knows-of-itself',
  },
  {
    source: 'a projection',
    volume: { projected: { sources: [{ configMap: { name: 'conf' } }] } },
    subPath: 'data-2',
    shown: 'value-2',
  },
];
const singlePods = single.map(
  ({ source, volume, subPath }): Said => ({
    name: podName('single', source),
    script: 'cat /etc/passwd; echo; cat /sub/file',
    container: {
      volumeMounts: [
        { name: 'v', mountPath: '/sub/file', subPath },
        // Something is there already.
        { name: 'v', mountPath: '/etc/passwd', subPath },
      ],
    },
    spec: volumes({ v: volume }),
  }),
);

/** A pod that lives on, with volumes of objects that come, change and go. */
const kinds = ['configMap', 'secret'] as const;
const optional = (kind: string, name: string, isProjected: boolean): object => {
  if (isProjected) return { projected: { sources: [{ [kind]: { name, optional: true } }] } };
  return kind === 'secret' ? { secret: { secretName: name, optional: true } } : { configMap: { name, optional: true } };
};
const fates = ['goes', 'changes', 'comes'] as const;
const living = kinds.flatMap((kind) =>
  fates.flatMap((fate) =>
    [false, true].map((isProjected) => ({
      volume: podName(kind, fate, isProjected ? 'projected' : 'plain'),
      source: optional(kind, podName(kind, fate), isProjected),
      fate,
    })),
  ),
);
const object = (kind: string, fate: string, text: string) => ({
  apiVersion: 'v1',
  kind: kind === 'secret' ? 'Secret' : 'ConfigMap',
  metadata: { name: podName(kind, fate) },
  [kind === 'secret' ? 'stringData' : 'data']: { file: text },
});
const self = [field('labels', 'metadata.labels'), field('annotations', 'metadata.annotations')];
const livingVolumes = {
  ...Object.fromEntries(living.map(({ volume, source }) => [volume, source])),
  self: downward['a volume']?.(self) ?? {},
  'self-projected': downward['a projection']?.(self) ?? {},
};
const livingPod = pod(
  'living',
  {
    containers: [
      sh('c', 'sleep 3600', {
        volumeMounts: Object.keys(livingVolumes).map((name) => ({ name, mountPath: `/${name}` })),
      }),
    ],
    ...volumes(livingVolumes),
  },
  { labels: { tier: 'first' }, annotations: { note: 'first' } },
);

function volumes(byName: Record<string, object>): { volumes: object[] } {
  return { volumes: Object.entries(byName).map(([name, source]) => ({ name, ...source })) };
}

let kubectl: Kubectl;
let said: ReadonlyMap<string, string>;
let node: Node;
const inLiving = (script: string) => kubectl.ok(['exec', 'living', '--', 'sh', '-c', script]);
const untilInLiving = (test: string) => inLiving(`until ${test}; do sleep 0.1; done`);

beforeAll(async () => {
  kubectl = await kubectlIn(namespace);
  const present = kinds.flatMap((kind) => ['goes', 'changes'].map((fate) => object(kind, fate, 'first')));
  await kubectl.ok(['apply', '-f', '-'], { input: listOf([...objects, ...present, livingPod]) });
  const pods = [...filePods, ...twicePods, binary, ...many, wrapped, ...downwardPods, ...modePods, ...singlePods];
  said = await outputsOf(kubectl, pods);
  node = (await kubectl.object<{ items: Node[] }>('nodes')).items[0] as Node;
  return async () => {
    await kubectl.ok(['delete', 'namespace', namespace, '--wait=false']);
  };
});

describe('a key of an object as a file', () => {
  it.each(files)('of $source $what', ({ name, shown }) => {
    expectLines(said, name, shown);
  });

  it.each(twice)('of $source is in two volumes of a pod', ({ name }) => {
    expectLines(said, name, ['value-1value-1']);
  });

  it('may be any bytes', () => {
    expectLines(said, 'binary', [' de ca fe ba d0 fe ff 00', 'value-1']);
  });

  it('of a Secret is that of the namespace, whatever has its name elsewhere', async () => {
    const other = await kubectlIn(`${namespace}-other`);
    await other.ok(['create', 'secret', 'generic', 'sec', '--from-literal=data-1=other']);
    const mount = { volumeMounts: [{ name: 'v', mountPath: '/v' }] };
    const spec = volumes({ v: { secret: { secretName: 'sec' } } });
    const both = [kubectl, other].map((k) =>
      outputsOf(k, [{ name: 'same-name', script: 'cat /v/data-1', container: mount, spec }]),
    );
    const [here, there] = await Promise.all(both);
    expect(here?.get('same-name')).toBe('value-1\n');
    expect(there?.get('same-name')).toBe('other\n');
    await other.ok(['delete', 'namespace', other.namespace, '--wait=false']);
  });

  it.each(single)('of $source is a single file, also over one that is there', ({ source, shown }) => {
    expectLines(said, podName('single', source), [shown, shown]);
  });

  it('is in fifty volumes of a pod, and of its neighbours', () => {
    for (const { name } of many) expectLines(said, name, ['90']);
  });

  it('lies beside those of other volumes', () => {
    expectLines(said, 'wrapped', ['value-1value-2empty']);
  });
});

describe('objects that come, change and go', () => {
  it('are seen in volumes that do without them', async () => {
    const has = (fate: string, text: string) =>
      living.filter((v) => v.fate === fate).map(({ volume }) => `grep -q ${text} /${volume}/file`);
    const lacks = (fate: string) =>
      living.filter((v) => v.fate === fate).map(({ volume }) => `test ! -e /${volume}/file`);
    await inLiving([...has('goes', 'first'), ...has('changes', 'first'), ...lacks('comes')].join(' && '));
    await kubectl.ok(['delete', 'configmap/configmap-goes', 'secret/secret-goes']);
    const changed = kinds.flatMap((kind) => ['changes', 'comes'].map((fate) => object(kind, fate, 'second')));
    await kubectl.ok(['apply', '-f', '-'], { input: listOf(changed) });
    for (const test of [...lacks('goes'), ...has('changes', 'second'), ...has('comes', 'second')]) {
      await untilInLiving(test);
    }
  });

  it('are a pod itself, its labels and annotations', async () => {
    await kubectl.ok(['label', 'pod', 'living', 'tier=second', '--overwrite']);
    await kubectl.ok(['annotate', 'pod', 'living', 'note=second', '--overwrite']);
    for (const volume of ['self', 'self-projected']) {
      await untilInLiving(`grep -q '^tier="second"$' /${volume}/labels`);
      await untilInLiving(`grep -q '^note="second"$' /${volume}/annotations`);
    }
  });
});

describe.each(Object.keys(downward))('a pod learns from %s', (source) => {
  const of = (what: string) => podName(source, what);

  it('its name', () => {
    expectLines(said, of('name'), [of('name'), '644']);
  });

  it('by files of the default mode, or one of their own', () => {
    expectLines(said, of('mode'), ['400']);
    expectLines(said, of('own-mode'), ['400']);
  });

  it('what its container asked for and may have', () => {
    const shown = ['limits.cpu 1250', 'limits.memory 64', 'requests.cpu 250', 'requests.memory 32'];
    expectLines(said, of('asked'), shown);
  });

  it('what the node has, when it may have all of that', () => {
    const { cpu = '', memory = '' } = node.status?.allocatable ?? {};
    expect(memory).toMatch(/^\d+Ki$/);
    const shown = [`limits.cpu ${wholeValue(cpu)}`, `limits.memory ${wholeValue(memory)}`];
    expectLines(said, of('node'), shown);
  });
});

describe('an emptyDir', () => {
  it.each(modes)('of $medium is for all, and a file with mode $mode of $user is so', ({ mode, user, medium, name }) => {
    const uid = user === 'root' ? '0' : '1001';
    const [id, dir, file, content, type] = (said.get(name) ?? '').trimEnd().split('\n');
    expect({ id, dir, file, content }).toEqual({
      id: uid,
      dir: '777',
      file: `${Number.parseInt(mode, 10)} ${uid}`,
      content: 'content',
    });
    expect(type === 'memory').toBe(medium === 'memory');
  });
});
