import { describe, expect, it } from 'vitest';
import type { ConfigMap, Pod, Secret, Service } from '../../api/generated/types.ts';
import { ConfigError } from './config-error.ts';
import { containerEnv, type EnvSources } from './env.ts';
import { expand } from './expansion.ts';

const configMap: ConfigMap = { metadata: { name: 'c' }, data: { color: 'red', 'a.b': 'dot' } };
const secret: Secret = { metadata: { name: 's' }, data: { key: Buffer.from('hidden').toString('base64') } };
const service = (namespace: string, name: string, clusterIP: string): Service => ({
  metadata: { namespace, name },
  spec: { clusterIP, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
  status: {},
});

const files = new Map([
  ['/volume/good', "COLOR='blue $(NAME)'\nEMPTY=''\n"],
  ['/volume/bad', 'COLOR=secret\n'],
]);
const sources: EnvSources = {
  files: {
    volumePath: (podUid, name) => (podUid === 'u' && name === 'v' ? '/volume' : undefined),
    async read(volumePath, path) {
      if (path === 'pipe') throw new Error('it is not a file');
      return files.get(`${volumePath}/${path}`);
    },
  },
  podIps: ['10.0.0.1', 'fd00::1'],
  hostIps: ['192.0.2.1'],
  allocatable: { cpu: '4', memory: '8Gi' },
  objects: {
    configMap: async (_, name) => (name === 'c' ? configMap : undefined),
    secret: async (_, name) => (name === 's' ? secret : undefined),
  },
  services: [
    service('default', 'kubernetes', '10.96.0.1'),
    service('mine', 'my-db', '10.96.0.5'),
    service('other', 'x', '10.96.0.6'),
  ],
};

const podWith = (container: object): Pod => ({
  metadata: { name: 'p', namespace: 'mine', uid: 'u', labels: { app: 'x' } },
  spec: { containers: [{ name: 'c', ...container }] },
  status: {},
});
const envOf = async (container: object) => {
  const pod = podWith(container);
  return Object.fromEntries(await containerEnv(pod, pod.spec.containers[0] ?? { name: '' }, sources));
};

describe('expand', () => {
  const variables = new Map([['A', '1']]);
  it.each([
    ['$(A)', '1'],
    ['$$(A)', '$(A)'],
    ['$(B)', '$(B)'],
    ['x$(A)y$$z', 'x1y$z'],
    ['$(A', '$(A'],
    ['$A', '$A'],
  ])('%s becomes %s', (text, result) => expect(expand(text, variables)).toBe(result));
});

describe('the environment of a container', () => {
  it('has services of its namespace and the API, and lets env win over envFrom over services', async () => {
    const env = await envOf({
      envFrom: [{ prefix: 'P_', configMapRef: { name: 'c' } }, { secretRef: { name: 's' } }],
      env: [
        { name: 'P_color', value: 'own' },
        { name: 'MY_DB_SERVICE_HOST', value: 'over' },
      ],
    });
    expect(env).toMatchObject({
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
      MY_DB_SERVICE_HOST: 'over',
      MY_DB_SERVICE_PORT_HTTP: '80',
      MY_DB_PORT_80_TCP: 'tcp://10.96.0.5:80',
      P_color: 'own',
      'P_a.b': 'dot',
      key: 'hidden',
    });
    expect(env).not.toHaveProperty('X_SERVICE_HOST');
  });

  it('resolves fields, resources, keys and references to earlier variables', async () => {
    const env = await envOf({
      resources: { requests: { cpu: '250m' }, limits: { memory: '64Mi' } },
      env: [
        { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: 'IPS', valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } },
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'requests.cpu' } } },
        { name: 'MILLIS', valueFrom: { resourceFieldRef: { resource: 'requests.cpu', divisor: '1m' } } },
        { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
        { name: 'NODE_CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'c', key: 'color' } } },
        { name: 'BOTH', value: '$(NAME)-$(COLOR)-$(LATER)' },
        { name: 'LATER', value: 'x' },
        { name: 'NONE', valueFrom: { secretKeyRef: { name: 'none', key: 'k', optional: true } } },
      ],
    });
    expect(env).toMatchObject({
      NAME: 'p',
      APP: 'x',
      IPS: '10.0.0.1,fd00::1',
      CPU: '1',
      MILLIS: '250',
      MEMORY: '64',
      NODE_CPU: '4',
      COLOR: 'red',
      BOTH: 'p-red-$(LATER)',
    });
    expect(env).not.toHaveProperty('NONE');
  });

  describe('from a file in a volume', () => {
    const fromFile = (key: string, more: object = {}) => ({
      name: `MY_${key}`,
      valueFrom: { fileKeyRef: { volumeName: 'v', path: 'good', key, ...more } },
    });
    const failure = (key: string, more: object = {}): Promise<unknown> =>
      envOf({ env: [fromFile(key, more)] }).catch((error: unknown) => error);

    it('is as the file has it, and what later variables see', async () => {
      const env = await envOf({
        env: [{ name: 'NAME', value: 'x' }, fromFile('COLOR'), { name: 'BOTH', value: '<$(MY_COLOR)>' }],
      });
      expect(env).toMatchObject({ MY_COLOR: 'blue $(NAME)', BOTH: '<blue $(NAME)>' });
    });

    it('is left out when it may be missing, or the file, but not when the file is wrong', async () => {
      const optional = { optional: true };
      const env = await envOf({
        env: [fromFile('NONE', optional), fromFile('EMPTY', optional), fromFile('GONE', { ...optional, path: 'no' })],
      });
      expect(Object.keys(env).filter((name) => name.startsWith('MY_') && !name.startsWith('MY_DB'))).toEqual([]);
      expect(await failure('COLOR', { ...optional, path: 'bad' })).toBeInstanceOf(ConfigError);
    });

    it('fails in words that tell nothing of what the volume has', async () => {
      for (const key of ['NONE', 'EMPTY'])
        expect(await failure(key)).toMatchObject({
          reason: 'CreateContainerConfigError',
          message: `environment variable key "${key}" not found in file "/volume/good"`,
        });
      for (const [path, why] of [
        ['no', 'no is not there'],
        ['pipe', 'it is not a file'],
        ['bad', 'invalid environment variable format at line 1: value must be enclosed in single quotes'],
      ])
        expect(await failure('COLOR', { path })).toMatchObject({
          message: "couldn't parse env file",
          cause: { message: why },
        });
      expect(await failure('COLOR', { volumeName: 'w' })).toMatchObject({
        message: 'cannot find the volume "w" referenced by FileKeyRef',
      });
    });
  });

  it('fails in words for what is missing', async () => {
    const missing = envOf({ env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'none', key: 'k' } } }] });
    await expect(missing).rejects.toThrow(new ConfigError('configmap "none" not found'));
    const key = envOf({ env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 's', key: 'no' } } }] });
    await expect(key).rejects.toThrow("couldn't find key no in Secret mine/s");
  });
});
