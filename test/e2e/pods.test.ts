import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ContainerStatus, Node, Pod } from '../../src/api/generated/types.ts';
import { wholeValue } from '../../src/api/meta/quantity.ts';
import { type Kubectl, kubectlIn, proxyOf } from './kubectl.ts';
import { demo, fieldEnv, listOf, machine, nodeScript, pod, resourceEnv, service, sh } from './manifests.ts';
import { expectLines, outputsOf, type Said } from './outputs.ts';
import { until } from './until.ts';

const namespace = 'pods';
const objects = [
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'conf' }, data: { one: 'first', 'two.2': 'second' } },
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'sec' }, stringData: { three: 'third' } },
  service('shop', { selector: { app: 'nobody' }, ports: [{ port: 8765, targetPort: 8080 }] }),
];

const volume = { volumes: [{ name: 'v', emptyDir: {} }] };
// Not by a shell, which does not hand on what is no variable to it.
const environ = "tr '\\0' '\\n' </proc/1/environ | sort";
const expanding = {
  env: [
    { name: 'WORD', value: 'word' },
    { name: 'BOTH', value: '$(WORD);$(WORD)' },
  ],
};

const endings: Said[] = [
  // What is run.
  { name: 'args', container: { args: ['echo', 'from', 'args'] } },
  { name: 'command', container: { command: ['echo', 'from command'] } },
  { name: 'both', container: { command: ['echo'], args: ['from', 'both'] } },
  { name: 'args-expand', container: { ...expanding, command: ['echo'], args: ['$(WORD) $$(WORD) $(NONE) $(BOTH)'] } },
  { name: 'command-expands', container: { ...expanding, command: ['sh', '-c', 'echo "<$(WORD)> <$(BOTH)>"'] } },
  // What it is told.
  {
    name: 'env-objects',
    script: `${environ} | grep -E "^(C_|S_|ONE|THREE|one=)"`,
    container: {
      env: [
        { name: 'ONE', valueFrom: { configMapKeyRef: { name: 'conf', key: 'one' } } },
        { name: 'THREE', valueFrom: { secretKeyRef: { name: 'sec', key: 'three' } } },
      ],
      envFrom: [
        { configMapRef: { name: 'conf' } },
        { prefix: 'C_', configMapRef: { name: 'conf' } },
        { prefix: 'S_', secretRef: { name: 'sec' } },
      ],
    },
  },
  {
    name: 'env-self',
    script: `${environ} | grep ^SELF_`,
    container: {
      resources: { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '1250m', memory: '64Mi' } },
      env: [
        fieldEnv('SELF_NAME', 'metadata.name'),
        fieldEnv('SELF_NAMESPACE', 'metadata.namespace'),
        fieldEnv('SELF_UID', 'metadata.uid'),
        fieldEnv('SELF_IP', 'status.podIP'),
        fieldEnv('SELF_IPS', 'status.podIPs'),
        fieldEnv('SELF_HOST', 'status.hostIP'),
        fieldEnv('SELF_HOSTS', 'status.hostIPs'),
        resourceEnv('SELF_CPU_REQUEST', 'requests.cpu', '1m'),
        resourceEnv('SELF_CPU_LIMIT', 'limits.cpu', '1m'),
        resourceEnv('SELF_MEMORY_REQUEST', 'requests.memory', '1Mi'),
        resourceEnv('SELF_MEMORY_LIMIT', 'limits.memory', '1Mi'),
      ],
    },
  },
  {
    name: 'env-node',
    script: `${environ} | grep ^NODE_`,
    container: {
      env: [resourceEnv('NODE_CPU', 'limits.cpu', '1'), resourceEnv('NODE_MEMORY', 'limits.memory', '1')],
    },
  },
  { name: 'env-services', script: `${environ} | grep ^SHOP_` },
  // Whose it is, and what it may.
  { name: 'user-nobody', script: 'id -u', container: { securityContext: { runAsUser: 65534 } } },
  { name: 'user-of-pod', script: 'id -u; id -g', spec: { securityContext: { runAsUser: 1001, runAsGroup: 2002 } } },
  {
    name: 'user-of-container',
    script: 'id -u; id -g',
    container: { securityContext: { runAsUser: 1003, runAsGroup: 2004 } },
    spec: { securityContext: { runAsUser: 1001, runAsGroup: 2002 } },
  },
  {
    name: 'unprivileged',
    script: 'ip link add bridge0 type bridge 2>&1 || echo refused',
    container: { securityContext: { privileged: false } },
  },
  {
    name: 'privileged',
    script: 'ip link add bridge0 type bridge && echo allowed',
    container: { securityContext: { privileged: true } },
  },
  {
    name: 'writable',
    script: 'echo x >/file && cat /file',
    container: { securityContext: { readOnlyRootFilesystem: false } },
  },
  {
    name: 'sysctls',
    script: 'cat /proc/sys/kernel/shm_rmid_forced',
    spec: { securityContext: { sysctls: [{ name: 'kernel.shm_rmid_forced', value: '1' }] } },
  },
  // Whom it knows.
  {
    name: 'hosts',
    script: 'cat /etc/hosts',
    spec: { hostAliases: [{ ip: '123.45.67.89', hostnames: ['foo', 'bar'] }] },
  },
  { name: 'hosts-of-host', script: 'head -1 /etc/hosts', spec: { hostNetwork: true } },
  {
    name: 'hosts-of-its-own',
    script: 'cat /etc/hosts',
    container: { volumeMounts: [{ name: 'v', mountPath: '/etc/hosts', subPath: 'one' }] },
    spec: { volumes: [{ name: 'v', configMap: { name: 'conf' } }] },
  },
  // Where it writes.
  {
    name: 'sub-path',
    script: 'echo here >/mine/file; cat /all/sub-path/file /all/deep/conf-sub-path/file',
    container: {
      env: [fieldEnv('POD', 'metadata.name')],
      volumeMounts: [
        { name: 'v', mountPath: '/all' },
        { name: 'v', mountPath: '/mine', subPathExpr: '$(POD)' },
        { name: 'v', mountPath: '/other', subPathExpr: 'deep/conf-$(POD)' },
      ],
    },
    spec: {
      ...volume,
      initContainers: [
        sh('first', 'echo there >/other/file', {
          env: [fieldEnv('POD', 'metadata.name')],
          volumeMounts: [{ name: 'v', mountPath: '/other', subPathExpr: 'deep/conf-$(POD)' }],
        }),
      ],
    },
  },
];

const badSubPath = (name: string, value: string) =>
  pod(
    name,
    {
      ...volume,
      containers: [
        sh('c', 'sleep 3600', {
          env: [fieldEnv('WHERE', "metadata.annotations['where']")],
          volumeMounts: [{ name: 'v', mountPath: '/v', subPathExpr: '$(WHERE)' }],
        }),
      ],
    },
    { annotations: { where: value } },
  );

const every = { periodSeconds: 1, failureThreshold: 1 };
/** However busy the machine is. */
const patiently = { periodSeconds: 1, timeoutSeconds: 30 };
const asked = (command: string) => ['sh', '-c', `echo x >>/asked; ${command}`];
const servingFor = (seconds: string) =>
  `mkdir /w; echo ok >/w/healthz; (sleep ${seconds}; rm /w/healthz) & exec httpd -f -vvv -p 8080 -h /w`;
const healthz = { httpGet: { path: '/healthz', port: 8080 } };

/** Serves grpc.health.v1: `seconds` long it is fine, then it is not. */
const grpcHealth = (seconds: number) => `
  const grpc = require('${createRequire(import.meta.url).resolve('@grpc/grpc-js')}');
  const plain = (bytes) => bytes;
  const check = { path: '/grpc.health.v1.Health/Check', requestStream: false, responseStream: false,
    requestSerialize: plain, requestDeserialize: plain, responseSerialize: plain, responseDeserialize: plain };
  const server = new grpc.Server();
  const started = Date.now();
  server.addService({ check }, { check: (_, answer) => {
    console.log('asked');
    answer(null, Buffer.from([8, Date.now() - started < ${seconds} * 1000 ? 1 : 2]));
  } });
  server.bindAsync('0.0.0.0:8080', grpc.ServerCredentials.createInsecure(), () => {});`;
const grpcProbe = { grpc: { port: 8080 }, initialDelaySeconds: 3, failureThreshold: 3, ...patiently };

const lasting = [
  pod('defaults', { containers: [{ name: 'c', image: demo }] }),
  pod('message-file', {
    restartPolicy: 'Never',
    containers: [sh('c', 'echo -n DONE >/dev/termination-log', { terminationMessagePolicy: 'FallbackToLogsOnError' })],
  }),
  pod('message-elsewhere', {
    restartPolicy: 'Never',
    securityContext: { runAsUser: 1000 },
    containers: [
      sh('c', 'echo -n DONE >/dev/termination-custom-log', { terminationMessagePath: '/dev/termination-custom-log' }),
    ],
  }),
  pod('again', {
    ...volume,
    containers: [
      sh('c', 'echo x >>/v/runs; [ $(wc -l </v/runs) -ge 2 ] || exit 1; exec sleep 3600', {
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
      }),
    ],
  }),
  badSubPath('sub-path-absolute', '/tmp'),
  badSubPath('sub-path-above', '..'),
  badSubPath('sub-path-mended', '../up'),
  pod('live-exec', {
    containers: [sh('c', 'exec sleep 3600', { livenessProbe: { exec: { command: asked('true') }, ...patiently } })],
  }),
  pod('live-http', { containers: [sh('c', servingFor('3600'), { livenessProbe: { ...healthz, ...patiently } })] }),
  pod('dead-http', { containers: [sh('c', servingFor('3'), { livenessProbe: { ...healthz, ...every } })] }),
  pod('live-tcp', {
    containers: [
      sh('c', "exec nc -ll -p 8080 -e sh -c 'echo x >>/asked'", {
        livenessProbe: { tcpSocket: { port: 8080 }, initialDelaySeconds: 1, ...patiently },
      }),
    ],
  }),
  pod('live-grpc', {
    containers: [nodeScript('c', grpcHealth(3600), { livenessProbe: grpcProbe })],
    volumes: [machine],
  }),
  pod('dead-grpc', {
    containers: [nodeScript('c', grpcHealth(5), { livenessProbe: grpcProbe })],
    volumes: [machine],
  }),
  pod('ready-late', {
    containers: [
      sh('c', 'exec sleep 3600', {
        readinessProbe: { exec: { command: ['true'] }, initialDelaySeconds: 4, periodSeconds: 1 },
      }),
    ],
  }),
  pod('ready-never', {
    containers: [sh('c', 'exec sleep 3600', { readinessProbe: { exec: { command: asked('false') }, ...every } })],
  }),
  // Is asked by others, and says so.
  pod('listener', { containers: [sh('c', 'mkdir /w; exec httpd -f -vvv -p 8080 -h /w')] }),
];

let kubectl: Kubectl;
let said: ReadonlyMap<string, string>;
let node: Node;
const untilPod = (name: string, is: (pod: Pod) => boolean) => until<Pod>(kubectl, `pod/${name}`, is);
const first = ({ status }: Pod): ContainerStatus | undefined => status.containerStatuses?.[0];
const isReady = ({ status }: Pod) => status.conditions?.find((c) => c.type === 'Ready')?.status === 'True';
const messageOf = async (name: string) =>
  first(await untilPod(name, ({ status }) => status.phase === 'Succeeded'))?.state?.terminated?.message;
const untilAsked = (name: string, times: number) =>
  kubectl.ok(['exec', name, '--', 'sh', '-c', `until [ $(cat /asked | wc -l) -ge ${times} ]; do sleep 0.1; done`]);

/** Resolves when the pod's log has the text so often. */
async function untilLogged(name: string, text: string, times = 1): Promise<void> {
  const log = kubectl.start(['logs', '-f', name]);
  while (log.stdout.split(text).length <= times) await log.more();
  await log.stop();
}

beforeAll(async () => {
  kubectl = await kubectlIn(namespace);
  await kubectl.ok(['apply', '-f', '-'], { input: listOf([...objects, ...lasting]) });
  said = await outputsOf(kubectl, endings);
  node = (await kubectl.object<{ items: Node[] }>('nodes')).items[0] as Node;
  return async () => {
    await kubectl.ok(['delete', 'namespace', namespace, '--wait=false']);
  };
});

describe('what a container runs', () => {
  it('is what its image says', async () => {
    await untilPod('defaults', isReady);
    expect(await kubectl.ok(['exec', 'defaults', '--', 'wget', '-qO-', 'http://localhost:8080/'])).toBe('defaults\n');
  });

  it('is what its spec says instead: arguments, command, both', () => {
    expectLines(said, 'args', ['from args']);
    expectLines(said, 'command', ['from command']);
    expectLines(said, 'both', ['from both']);
  });

  it('has its variables filled in, in arguments and command', () => {
    expectLines(said, 'args-expand', ['word $(WORD) $(NONE) word;word']);
    expectLines(said, 'command-expands', ['<word> <word;word>']);
  });

  it('is started again where its pod says so, and is ready then', async () => {
    const { status } = await untilPod('again', (p) => isReady(p) && first(p)?.restartCount === 1);
    expect(status).toMatchObject({
      phase: 'Running',
      containerStatuses: [{ ready: true, started: true, lastState: { terminated: { exitCode: 1, reason: 'Error' } } }],
    });
  });
});

describe('what a container is told', () => {
  it('by variables of maps and secrets, one key or all, with a prefix', () => {
    const shown = ['C_one=first', 'C_two.2=second', 'ONE=first', 'S_three=third', 'THREE=third', 'one=first'];
    expect(said.get('env-objects')?.trimEnd().split('\n').toSorted()).toEqual(shown.toSorted());
  });

  it('by variables of its pod, its node and its resources', async () => {
    const { metadata, status } = await kubectl.object<Pod>('pod', 'env-self');
    const host = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    expectLines(said, 'env-self', [
      'SELF_CPU_LIMIT=1250',
      'SELF_CPU_REQUEST=250',
      `SELF_HOST=${host}`,
      `SELF_HOSTS=${host}`,
      `SELF_IP=${status.podIP}`,
      `SELF_IPS=${status.podIP}`,
      'SELF_MEMORY_LIMIT=64',
      'SELF_MEMORY_REQUEST=32',
      'SELF_NAME=env-self',
      `SELF_NAMESPACE=${namespace}`,
      `SELF_UID=${metadata.uid}`,
    ]);
  });

  it('by variables of the node, when it may have all of that', () => {
    const { cpu = '', memory = '' } = node.status?.allocatable ?? {};
    expectLines(said, 'env-node', [`NODE_CPU=${wholeValue(cpu)}`, `NODE_MEMORY=${wholeValue(memory)}`]);
  });

  it('by variables of Services', async () => {
    const { spec } = await kubectl.object<{ spec: { clusterIP: string } }>('service', 'shop');
    const url = `tcp://${spec.clusterIP}:8765`;
    expectLines(said, 'env-services', [
      `SHOP_PORT=${url}`,
      `SHOP_PORT_8765_TCP=${url}`,
      `SHOP_PORT_8765_TCP_ADDR=${spec.clusterIP}`,
      'SHOP_PORT_8765_TCP_PORT=8765',
      'SHOP_PORT_8765_TCP_PROTO=tcp',
      `SHOP_SERVICE_HOST=${spec.clusterIP}`,
      'SHOP_SERVICE_PORT=8765',
    ]);
  });
});

describe('what a container may', () => {
  it('is up to its user and group, those of its pod or its own', () => {
    expectLines(said, 'user-nobody', ['65534']);
    expectLines(said, 'user-of-pod', ['1001', '2002']);
    expectLines(said, 'user-of-container', ['1003', '2004']);
  });

  it('is more when it is privileged', () => {
    expectLines(said, 'unprivileged', ['ip: RTNETLINK answers: Operation not permitted', 'refused']);
    expectLines(said, 'privileged', ['allowed']);
  });

  it('write to its file system, unless told otherwise', () => {
    expectLines(said, 'writable', ['x']);
  });

  it('have kernel settings of its own', () => {
    expectLines(said, 'sysctls', ['1']);
  });

  it('not have settings that do not exist', async () => {
    const sysctls = ['foo-', 'kernel.shmmax', 'safe-and-unsafe', 'bar..'].map((name) => ({ name, value: '1' }));
    const bad = pod('bad-sysctls', { securityContext: { sysctls }, containers: [sh('c', 'true')] });
    const { code, stderr } = await kubectl(['apply', '-f', '-'], { input: JSON.stringify(bad) });
    expect(code).toBe(1);
    expect(stderr).toContain('Invalid value: "foo-"');
    expect(stderr).toContain('Invalid value: "bar.."');
    expect(stderr).not.toContain('kernel.shmmax');
  });
});

describe('/etc/hosts', () => {
  it('is written for the pod, with the names that it is told', () => {
    const hosts = said.get('hosts') ?? '';
    expect(hosts.split('\n')[0]).toBe('# Kubernetes-managed hosts file.');
    expect(hosts).toContain('# Entries added by HostAliases.\n123.45.67.89\tfoo\tbar\n');
  });

  it("is the host's on its network, and left alone where the pod has its own", () => {
    expectLines(said, 'hosts-of-host', ['# Kubernetes-managed hosts file (host network).']);
    expectLines(said, 'hosts-of-its-own', ['first']);
  });
});

describe('the last words of a container', () => {
  it('are in its file also when its log would do', async () => {
    expect(await messageOf('message-file')).toBe('DONE');
  });

  it('may be in another file, and of another user', async () => {
    expect(await messageOf('message-elsewhere')).toBe('DONE');
  });
});

describe('a part of a volume', () => {
  it('has a name that is made of variables', () => {
    expectLines(said, 'sub-path', ['here', 'there']);
  });

  it.each(['sub-path-absolute', 'sub-path-above'])('is not outside of it: %s', async (name) => {
    const { status } = await untilPod(name, (p) => first(p)?.state?.waiting?.reason === 'CreateContainerConfigError');
    expect(status.phase).toBe('Pending');
  });

  it('is found when the pod that named it wrongly is mended', async () => {
    await untilPod('sub-path-mended', (p) => first(p)?.state?.waiting?.reason === 'CreateContainerConfigError');
    await kubectl.ok(['annotate', 'pod', 'sub-path-mended', 'where=inside', '--overwrite']);
    expect(first(await untilPod('sub-path-mended', isReady))?.restartCount).toBe(0);
  });
});

describe('probes', () => {
  it('that succeed leave a container alone: a command, a port, a page, a call', async () => {
    await untilAsked('live-exec', 5);
    await untilAsked('live-tcp', 5);
    await untilLogged('live-http', '/healthz', 5);
    await untilLogged('live-grpc', 'asked', 5);
    for (const name of ['live-exec', 'live-tcp', 'live-http', 'live-grpc']) {
      expect(first(await kubectl.object<Pod>('pod', name))).toMatchObject({ restartCount: 0, ready: true });
    }
  });

  it.each(['dead-http', 'dead-grpc'])('that fail have it started again: a page, a call (%s)', async (name) => {
    expect(first(await untilPod(name, (p) => (first(p)?.restartCount ?? 0) > 0))?.lastState?.terminated?.exitCode).toBe(
      137,
    );
  });

  it('of readiness begin when they are told to, and start nothing again', async () => {
    const late = await untilPod('ready-late', isReady);
    const startedMs = Date.parse(first(late)?.state?.running?.startedAt ?? '');
    const readyMs = Date.parse(late.status.conditions?.find((c) => c.type === 'Ready')?.lastTransitionTime ?? '');
    expect(readyMs - startedMs).toBeGreaterThanOrEqual(4000 - 1000);
    expect(first(late)?.restartCount).toBe(0);
    await untilAsked('ready-never', 5);
    const never = await kubectl.object<Pod>('pod', 'ready-never');
    expect([isReady(never), first(never)?.restartCount]).toEqual([false, 0]);
  });
});

describe('hooks', () => {
  it('ask a page when a container has started, and when it has to end', async () => {
    const { status } = await untilPod('listener', isReady);
    const at = (path: string) => ({ httpGet: { host: status.podIP, port: 8080, path } });
    const hooked = pod('hooked', {
      containers: [
        sh('c', 'exec sleep 3600', { lifecycle: { postStart: at('/has-started'), preStop: at('/has-to-end') } }),
      ],
    });
    await kubectl.ok(['apply', '-f', '-'], { input: JSON.stringify(hooked) });
    await untilPod('hooked', isReady);
    await untilLogged('listener', '/has-started');
    await kubectl.ok(['delete', 'pod', 'hooked']);
    await untilLogged('listener', '/has-to-end');
  });
});

describe('a pod', () => {
  it('comes, changes and goes, and those who watch see it', async () => {
    const watch = kubectl.start(['get', 'pods', '-l', 'seen=yes', '--watch', '--output-watch-events']);
    const seen = pod('seen', { containers: [sh('c', 'exec sleep 3600')] }, { labels: { seen: 'yes' } });
    await kubectl.ok(['apply', '-f', '-'], { input: JSON.stringify(seen) });
    await untilPod('seen', isReady);
    await kubectl.ok(['label', 'pod', 'seen', 'time=value', '--overwrite']);
    expect((await kubectl.object<Pod>('pod', 'seen')).metadata.labels).toMatchObject({ time: 'value' });
    await kubectl.ok(['delete', 'pod', 'seen']);
    await watch.says('DELETED');
    expect(watch.stdout).toMatch(/\nADDED +seen .*\n(MODIFIED +seen .*\n)+DELETED +seen /);
    await watch.stop();
  });

  it('has the address of its node', async () => {
    const { status } = await kubectl.object<Pod>('pod', 'listener');
    expect(node.status?.addresses).toContainEqual({ type: 'InternalIP', address: status.hostIP });
  });

  it('has only as long as it is told, also when that is changed', async () => {
    await kubectl.ok(['patch', 'pod', 'live-exec', '-p', '{"spec":{"activeDeadlineSeconds":1}}']);
    const { status } = await untilPod('live-exec', (p) => p.status.phase === 'Failed');
    expect(status.reason).toBe('DeadlineExceeded');
  });

  it('counts the changes of its spec, and says which of them its node knows', async () => {
    const generations = ({ metadata, status }: Pod) => [metadata.generation, status.observedGeneration];
    expect(generations(await untilPod('live-tcp', isReady))).toEqual([1, 1]);
    await kubectl.ok(['patch', 'pod', 'live-tcp', '-p', '{"spec":{"activeDeadlineSeconds":3600}}']);
    await untilPod('live-tcp', (p) => generations(p).join() === '2,2');
    await kubectl.ok(['label', 'pod', 'live-tcp', 'no=matter']);
    expect(generations(await kubectl.object<Pod>('pod', 'live-tcp'))).toEqual([2, 2]);
    const claims = pod('claims-to-be-old', { containers: [sh('c', 'exec sleep 3600')] }, { generation: 100 });
    await kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(claims) });
    await untilPod('claims-to-be-old', (p) => isReady(p) && generations(p).join() === '1,1');
    const watch = kubectl.start([
      'get',
      'pod',
      'claims-to-be-old',
      '--watch',
      '-o',
      'jsonpath={.metadata.generation};',
    ]);
    await watch.says('1;');
    await kubectl.ok(['delete', 'pod', 'claims-to-be-old']);
    await watch.says('2;');
    await watch.stop();
  });

  it('may change five hundred times in a row: its node says the last of them', async () => {
    const { address, proxy } = await proxyOf(kubectl);
    for (let seconds = 9999; seconds > 9499; seconds--) {
      const { ok } = await fetch(`http://${address}/api/v1/namespaces/${namespace}/pods/live-http`, {
        method: 'PATCH',
        headers: { 'Content-Type': 'application/merge-patch+json' },
        body: JSON.stringify({ spec: { activeDeadlineSeconds: seconds } }),
      });
      expect(ok).toBe(true);
    }
    await proxy.stop();
    const { metadata, status } = await untilPod('live-http', (p) => p.status.observedGeneration === 501);
    expect([metadata.generation, first({ metadata, status } as Pod)?.restartCount]).toEqual([501, 0]);
  });

  it('goes with all of its kind', async () => {
    const all = ['1', '2', '3'].map((n) =>
      pod(`of-many-${n}`, { containers: [sh('c', 'exec sleep 3600')] }, { labels: { many: 'yes' } }),
    );
    await kubectl.ok(['apply', '-f', '-'], { input: listOf(all) });
    const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=many%3Dyes`;
    await kubectl.ok(['delete', '--raw', path]);
    await kubectl.ok(['wait', '--for=delete', 'pod', '-l', 'many=yes', '--timeout=60s']);
    expect(await kubectl.ok(['get', 'pods', '-l', 'many=yes', '-o', 'name'])).toBe('');
  });
});

describe('a container to look into a pod', () => {
  it('joins it, with its output and its exit code, and another one after it', async () => {
    for (const name of ['looks', 'looks-again']) {
      const debug = ['debug', 'listener', '--image=knarr.local/busybox:1', '-c', name, '--', 'sh', '-c', 'echo seen'];
      await kubectl.ok(debug);
      const { spec } = await untilPod('listener', ({ status }) =>
        Boolean(status.ephemeralContainerStatuses?.find((c) => c.name === name)?.state?.terminated),
      );
      expect(spec.ephemeralContainers?.at(-1)).toMatchObject({ name, image: 'knarr.local/busybox:1' });
      expect(await kubectl.ok(['logs', 'listener', '-c', name])).toBe('seen\n');
    }
  });
});

// Last: it sends away what does not bear the node's taint.
describe('a taint that nothing may stay with', () => {
  const bears = (name: string, tolerationSeconds: number) =>
    pod(name, {
      tolerations: [{ key: 'leave', operator: 'Exists', effect: 'NoExecute', tolerationSeconds }],
      containers: [sh('c', 'exec sleep 3600')],
    });

  it('sends a pod away after the time that it bears it, unless the taint goes before', async () => {
    await kubectl.ok(['apply', '-f', '-'], {
      input: listOf([bears('short', 2), bears('less-short', 4), bears('long', 600)]),
    });
    for (const name of ['short', 'less-short', 'long']) await untilPod(name, isReady);
    const { name } = node.metadata;
    await kubectl.ok(['taint', 'node', name, 'leave=now:NoExecute']);
    try {
      await kubectl.ok(['wait', '--for=delete', 'pod/short', '--timeout=60s']);
      for (const name of ['less-short', 'listener'])
        await kubectl.ok(['wait', '--for=delete', `pod/${name}`, '--timeout=60s']);
    } finally {
      await kubectl.ok(['taint', 'node', name, 'leave-']);
    }
    const { metadata } = await kubectl.object<Pod>('pod', 'long');
    expect(metadata.deletionTimestamp).toBeUndefined();
  });
});
