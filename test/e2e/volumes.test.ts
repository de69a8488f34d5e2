import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/generated/types.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { fieldEnv, listOf, pod, resourceEnv, sh } from './manifests.ts';
import { until } from './until.ts';

const objects = [
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'conf' },
    data: { a: '1', 'file.txt': 'from the map\n', 'odd.key': 'odd' },
  },
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'sec' }, stringData: { password: 'hidden' } },
];

const fileEnv = (name: string, key: string, more: object = {}) => ({
  name,
  valueFrom: { fileKeyRef: { volumeName: 'disk', path: 'link.env', key, ...more } },
});
/** Leaves variables in a volume that the container does not need to have. */
const writes = sh('writes', 'echo "WORDS=\'two words\' # not one" >/disk/made.env; ln -s made.env /disk/link.env', {
  volumeMounts: [{ name: 'disk', mountPath: '/disk' }],
});

const env = [
  { name: 'PLAIN', value: 'x' },
  { name: 'FROM_MAP', valueFrom: { configMapKeyRef: { name: 'conf', key: 'a' } } },
  { name: 'OPTIONAL', valueFrom: { configMapKeyRef: { name: 'none', key: 'a', optional: true } } },
  { name: 'FROM_SECRET', valueFrom: { secretKeyRef: { name: 'sec', key: 'password' } } },
  fileEnv('FROM_FILE', 'WORDS'),
  fileEnv('OPTIONAL_KEY', 'NONE', { optional: true }),
  fileEnv('OPTIONAL_FILE', 'WORDS', { optional: true, path: 'none.env' }),
  { name: 'EXPANDED', value: '$(PLAIN)-$(FROM_MAP)-$$(PLAIN)-$(UNKNOWN)-$(FROM_FILE)' },
  fieldEnv('POD', 'metadata.name'),
  fieldEnv('NAMESPACE', 'metadata.namespace'),
  fieldEnv('LABEL', "metadata.labels['tier']"),
  fieldEnv('NODE', 'spec.nodeName'),
  fieldEnv('ACCOUNT', 'spec.serviceAccountName'),
  fieldEnv('POD_IP', 'status.podIP'),
  fieldEnv('UID_OF_POD', 'metadata.uid'),
  resourceEnv('CPU_LIMIT', 'limits.cpu', '1m'),
  resourceEnv('MEMORY_LIMIT', 'limits.memory', '1Mi'),
];

const volumes = [
  {
    name: 'conf',
    configMap: { name: 'conf', defaultMode: 0o640, items: [{ key: 'file.txt', path: 'deep/file.txt', mode: 0o400 }] },
  },
  { name: 'live', configMap: { name: 'conf' } },
  { name: 'sec', secret: { secretName: 'sec' } },
  {
    name: 'all',
    projected: {
      sources: [
        { configMap: { name: 'conf', items: [{ key: 'a', path: 'map/a' }] } },
        { secret: { name: 'sec' } },
        { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        { serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 600 } },
      ],
    },
  },
  {
    name: 'down',
    downwardAPI: {
      items: [
        { path: 'annotations', fieldRef: { fieldPath: 'metadata.annotations' } },
        { path: 'cpu', resourceFieldRef: { containerName: 'c', resource: 'limits.cpu', divisor: '1m' } },
      ],
    },
  },
  { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } },
  { name: 'disk', emptyDir: {} },
];
const mounts = ['conf', 'live', 'sec', 'all', 'down', 'memory', 'disk'].map((name) => ({
  name,
  mountPath: `/${name}`,
}));

let kubectl: Kubectl;
let hostDir: string;
const run = (script: string, container = 'c') => kubectl.ok(['exec', 'all', '-c', container, '--', 'sh', '-c', script]);

beforeAll(async () => {
  kubectl = await kubectlIn('volumes');
  hostDir = join(kubectl.dir, 'host');
  const host = { name: 'host', hostPath: { path: hostDir, type: 'DirectoryOrCreate' } };
  const resources = { limits: { cpu: '500m', memory: '64Mi' } };
  const all = pod(
    'all',
    {
      volumes: [...volumes, host],
      initContainers: [writes],
      containers: [
        // Not by a shell, which would not hand on what is no variable to it.
        sh('c', '', {
          command: ['sleep', '3600'],
          env,
          envFrom: [{ prefix: 'ALL_', configMapRef: { name: 'conf' } }, { secretRef: { name: 'sec' } }],
          resources,
          volumeMounts: [
            ...mounts,
            { name: 'host', mountPath: '/host' },
            { name: 'live', mountPath: '/single.txt', subPath: 'file.txt' },
            { name: 'disk', mountPath: '/of-pod', subPathExpr: 'made-for-$(POD)' },
          ],
        }),
        sh('other', 'sleep 3600', {
          volumeMounts: [
            { name: 'disk', mountPath: '/shared', readOnly: true, recursiveReadOnly: 'IfPossible' },
            { name: 'memory', mountPath: '/memory', readOnly: true },
            { name: 'sec', mountPath: '/sec' },
          ],
        }),
      ],
    },
    { labels: { tier: 'front' }, annotations: { note: 'hello' } },
  );
  await kubectl.ok(['apply', '-f', '-'], { input: listOf([...objects, all]) });
  await kubectl.ok(['wait', '--for=condition=Ready', 'pod/all', '--timeout=60s']);
  return async () => {
    await kubectl.ok(['delete', 'namespace', 'volumes', '--wait=false']);
  };
});

describe('environment', () => {
  it('comes from values, maps, secrets, fields, resources and files of init containers', async () => {
    const { metadata, status } = await kubectl.object<Pod>('pod', 'all');
    const lines = (await run("tr '\\0' '\\n' < /proc/1/environ")).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'PLAIN=x',
        'FROM_MAP=1',
        'FROM_SECRET=hidden',
        'FROM_FILE=two words',
        'EXPANDED=x-1-$(PLAIN)-$(UNKNOWN)-two words',
        'POD=all',
        'NAMESPACE=volumes',
        'LABEL=front',
        'NODE=node1',
        'ACCOUNT=default',
        `POD_IP=${status.podIP}`,
        `UID_OF_POD=${metadata.uid}`,
        'CPU_LIMIT=500',
        'MEMORY_LIMIT=64',
        'ALL_a=1',
        'ALL_odd.key=odd',
        'password=hidden',
        'KUBERNETES_SERVICE_PORT=443',
        'HOSTNAME=all',
      ]),
    );
    expect(lines.filter((line) => line.startsWith('OPTIONAL'))).toEqual([]);
  });
});

describe('volumes', () => {
  it('mirror objects, with modes and paths as asked, and cannot be written to', async () => {
    expect(await run('cat /conf/deep/file.txt; stat -L -c %a /conf/deep/file.txt; cat /sec/password')).toBe(
      'from the map\n400\nhidden',
    );
    expect(await run('for v in conf live sec all down; do touch /$v/x 2>&1; done; true')).toBe(
      ['conf', 'live', 'sec', 'all', 'down'].map((v) => `touch: /${v}/x: Read-only file system\n`).join(''),
    );
  });

  it('project several sources into one', async () => {
    expect(await run('cat /all/map/a; echo; cat /all/password; echo; cat /all/labels')).toBe('1\nhidden\ntier="front"');
    const [, payload = ''] = (await run('cat /all/token')).split('.');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      aud: ['vault'],
      sub: 'system:serviceaccount:volumes:default',
      'kubernetes.io': { pod: { name: 'all' }, node: { name: 'node1' } },
    });
  });

  it('tell a pod of itself', async () => {
    expect(await run('grep -c "^note=\\"hello\\"$" /down/annotations; cat /down/cpu')).toBe('1\n500');
  });

  it('lie in memory, with a limit, or on disk, shared by the containers', async () => {
    expect(await run('df -k /memory | tail -1 | awk "{print \\$1, \\$2}"')).toBe('tmpfs 8192\n');
    await run('echo shared > /disk/file; echo mine > /of-pod/file');
    expect(await run('cat /shared/file /shared/made-for-all/file; touch /shared/x 2>&1 || true', 'other')).toBe(
      'shared\nmine\ntouch: /shared/x: Read-only file system\n',
    );
  });

  it('are in the status as they are mounted; containerd 1.6 makes nothing below them read-only', async () => {
    const { containerStatuses = [], initContainerStatuses } = (await kubectl.object<Pod>('pod', 'all')).status;
    const readOnly = { readOnly: true, recursiveReadOnly: 'Disabled' };
    const token = expect.objectContaining({ name: expect.stringMatching(/^kube-api-access-/), ...readOnly });
    expect(containerStatuses.find(({ name }) => name === 'other')?.volumeMounts).toEqual([
      { name: 'disk', mountPath: '/shared', ...readOnly },
      { name: 'memory', mountPath: '/memory', ...readOnly },
      { name: 'sec', mountPath: '/sec' },
      token,
    ]);
    expect(initContainerStatuses?.[0]?.volumeMounts).toEqual([{ name: 'disk', mountPath: '/disk' }, token]);
  });

  it('are folders of the host', async () => {
    await run('echo from the pod > /host/file');
    expect(await readFile(join(hostDir, 'file'), 'utf8')).toBe('from the pod\n');
  });

  it('follow their objects, but for a single file of them', async () => {
    expect(await run('cat /single.txt')).toBe('from the map\n');
    await kubectl.ok(['patch', 'cm', 'conf', '-p', '{"data":{"file.txt":"changed\\n"}}']);
    await kubectl.ok(['annotate', 'pod', 'all', 'note=bye', '--overwrite']);
    await run(
      'until grep -q changed /live/file.txt; do sleep 0.1; done; until grep -q bye /down/annotations; do sleep 0.1; done',
    );
    expect(await run('cat /live/file.txt /single.txt')).toBe('changed\nfrom the map\n');
  });
});

it('a container says why it cannot have its variables or mounts', async () => {
  const script = `echo "WORDS='x'" >/disk/link.env; echo WORDS=x >/disk/wrong.env; ln -s /etc/passwd /disk/outside.env`;
  const mount = { name: 'disk', mountPath: '/disk', readOnly: true, recursiveReadOnly: 'Enabled' };
  const cannot = pod('cannot', {
    volumes: [{ name: 'disk', emptyDir: {} }],
    initContainers: [{ ...writes, command: ['sh', '-c', script] }],
    containers: [
      sh('missing', 'true', { env: [fileEnv('A', 'NONE')] }),
      sh('outside', 'true', { env: [fileEnv('A', 'WORDS', { path: 'outside.env' })] }),
      sh('recursive', 'true', { volumeMounts: [mount] }),
      sh('wrong', 'true', { env: [fileEnv('A', 'WORDS', { path: 'wrong.env' })] }),
    ],
  });
  await kubectl.ok(['apply', '-f', '-'], { input: JSON.stringify(cannot) });
  const reason = 'CreateContainerConfigError';
  const { status } = await until<Pod>(
    kubectl,
    'pod/cannot',
    ({ status: { containerStatuses = [] } }) =>
      containerStatuses.filter(({ state }) => state?.waiting?.reason === reason).length === 4,
  );
  const unsupported = 'volume "disk" requested recursive read-only mode, but it is not supported by the runtime';
  expect(status.containerStatuses?.map(({ state }) => state?.waiting?.message)).toEqual([
    expect.stringMatching(/^environment variable key "NONE" not found in file ".*\/link\.env"$/),
    "couldn't parse env file",
    `failed to resolve recursive read-only mode: ${unsupported}`,
    "couldn't parse env file",
  ]);
});
