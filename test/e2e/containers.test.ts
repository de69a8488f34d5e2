import { beforeAll, describe, expect, it } from 'vitest';
import type { ContainerStatus, Event, Pod } from '../../src/api/generated/types.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { busybox, listOf, pod, sh } from './manifests.ts';
import { until } from './until.ts';

const once = { restartPolicy: 'Never' };
const scratch = { volumes: [{ name: 'd', emptyDir: {} }] };
const volumeMounts = [{ name: 'd', mountPath: '/d' }];

/** All of them are made at once, so that their waits overlap. */
const pods = [
  pod('order', {
    ...scratch,
    initContainers: [
      sh('one', 'echo one >> /d/order', { volumeMounts }),
      sh('side', 'echo side >> /d/order; trap "echo side-ends >> /d/order; exit 0" TERM; while :; do sleep 0.1; done', {
        volumeMounts,
        restartPolicy: 'Always',
        startupProbe: { exec: { command: ['test', '-e', '/d/order'] }, periodSeconds: 1 },
      }),
      sh('two', 'echo two >> /d/order', { volumeMounts }),
    ],
    containers: [sh('main', 'echo main >> /d/order; sleep 3600', { volumeMounts })],
  }),
  pod('job-with-sidecar', {
    ...once,
    initContainers: [sh('side', 'trap "exit 0" TERM; while :; do sleep 0.1; done', { restartPolicy: 'Always' })],
    containers: [sh('main', 'echo done')],
  }),
  pod('init-fails', { ...once, initContainers: [sh('bad', 'exit 7')], containers: [sh('main', 'sleep 3600')] }),
  pod('init-retries', {
    ...scratch,
    initContainers: [sh('flaky', 'echo x >> /d/runs; [ $(wc -l < /d/runs) -ge 2 ]', { volumeMounts })],
    containers: [sh('main', 'sleep 3600')],
  }),
  pod('crash', { containers: [sh('main', 'exit 3')] }),
  pod('on-failure', {
    ...scratch,
    restartPolicy: 'OnFailure',
    containers: [sh('main', 'echo x >> /d/runs; [ $(wc -l < /d/runs) -ge 2 ]', { volumeMounts })],
  }),
  pod('together', {
    ...once,
    ...scratch,
    initContainers: [sh('prepare', 'echo prepare >> /d/order', { volumeMounts })],
    containers: [
      sh('asks', 'echo asks >> /d/order; [ $(grep -c asks /d/order) -ge 2 ] || { sleep 1; exit 42; }; sleep 3600', {
        volumeMounts,
        restartPolicy: 'Never',
        restartPolicyRules: [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }],
      }),
      sh('ends', 'trap "" TERM; while :; do sleep 0.1; done', {
        volumeMounts,
        lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo hook >> /d/order'] } } },
      }),
    ],
  }),
  pod('no-image', { containers: [{ name: 'main', image: 'knarr.local/nosuch:1' }] }),
  pod('never-pull', { containers: [{ name: 'main', image: 'knarr.local/nosuch:1', imagePullPolicy: 'Never' }] }),
  pod('bad-image', { containers: [{ name: 'main', image: 'a:b:c' }] }),
  pod('no-program', { ...once, containers: [{ name: 'main', image: busybox, command: ['/nosuch'] }] }),
  pod('no-config', {
    containers: [
      sh('main', 'true', { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'none', key: 'a' } } }] }),
    ],
  }),
  pod('no-volume', {
    volumes: [{ name: 'v', configMap: { name: 'none' } }],
    containers: [sh('main', 'true', { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
  }),
  pod('oom', {
    ...once,
    containers: [sh('main', 'tail /dev/zero', { resources: { limits: { memory: '16Mi' } } })],
  }),
  pod('words', {
    ...once,
    containers: [
      sh('file', 'echo from the file > /dev/termination-log; exit 2'),
      sh('logs', 'echo last words; exit 1', { terminationMessagePolicy: 'FallbackToLogsOnError' }),
      sh('fine', 'echo not these', { terminationMessagePolicy: 'FallbackToLogsOnError' }),
    ],
  }),
  pod('deadline', { activeDeadlineSeconds: 2, containers: [sh('main', 'sleep 3600')] }),
  pod('too-big', { containers: [sh('main', 'true', { resources: { requests: { cpu: '1000' } } })] }),
  pod('limits', {
    containers: [
      sh('main', 'sleep 3600', {
        resources: { requests: { cpu: '50m', memory: '16Mi' }, limits: { cpu: '250m', memory: '48Mi' } },
      }),
    ],
  }),
  pod('secured', {
    ...once,
    ...scratch,
    securityContext: {
      runAsUser: 1000,
      runAsGroup: 2000,
      fsGroup: 3000,
      supplementalGroups: [4000],
      sysctls: [{ name: 'net.core.somaxconn', value: '555' }],
    },
    containers: [
      sh(
        'main',
        'id; touch /x 2>&1; grep -E "NoNewPrivs|CapEff" /proc/self/status; touch /d/f; ls -ln /d/f; cat /proc/sys/net/core/somaxconn',
        {
          volumeMounts,
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ),
    ],
  }),
  pod('root-refused', { containers: [sh('main', 'id', { securityContext: { runAsNonRoot: true } })] }),
];

let kubectl: Kubectl;
const untilPod = (name: string, is: (pod: Pod) => boolean) => until<Pod>(kubectl, `pod/${name}`, is);
const first = ({ status }: Pod): ContainerStatus | undefined => status.containerStatuses?.[0];
const waitsFor = (name: string, reason: string) => untilPod(name, (p) => first(p)?.state?.waiting?.reason === reason);
const phase = (name: string, wanted: string) => untilPod(name, ({ status }) => status.phase === wanted);
const condition = ({ status }: Pod, type: string) => status.conditions?.find((c) => c.type === type);

/** The message of the newest event of a pod with this reason; waits for it. */
async function eventOf(name: string, reason: string): Promise<Event> {
  const selector = `--field-selector=involvedObject.name=${name},reason=${reason}`;
  const watch = kubectl.start(['get', 'events', selector, '-o', 'name', '--watch']);
  await watch.says('event/');
  await watch.stop();
  const { items } = await kubectl.object<{ items: Event[] }>('events', selector);
  return items.at(-1) as Event;
}

beforeAll(async () => {
  kubectl = await kubectlIn('containers');
  await kubectl.ok(['apply', '-f', '-'], { input: listOf(pods) });
  return async () => {
    await kubectl.ok(['delete', 'namespace', 'containers', '--wait=false']);
  };
});

describe('the order of containers', () => {
  it('init containers one after the other, a sidecar stays, then the containers; the sidecar ends last', async () => {
    await untilPod('order', (p) => condition(p, 'Ready')?.status === 'True');
    expect(await kubectl.ok(['exec', 'order', '-c', 'main', '--', 'cat', '/d/order'])).toBe('one\nside\ntwo\nmain\n');
    expect(await kubectl.ok(['get', 'pod', 'order', '--no-headers'])).toMatch(/^order +2\/2 +Running +0 /);
    const { status } = await kubectl.object<Pod>('pod', 'order');
    const states = (status.initContainerStatuses ?? []).map(({ name, state }) => [name, Object.keys(state ?? {})[0]]);
    expect(states).toEqual([
      ['one', 'terminated'],
      ['side', 'running'],
      ['two', 'terminated'],
    ]);
  });

  it('a sidecar does not keep a pod from completing', async () => {
    const { status } = await phase('job-with-sidecar', 'Succeeded');
    expect(status.initContainerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
  });

  it('a failed init container fails the pod', async () => {
    const failed = await phase('init-fails', 'Failed');
    expect(failed.status.initContainerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 7, reason: 'Error' });
    expect(first(failed)?.state?.waiting?.reason).toBe('PodInitializing');
    expect(condition(failed, 'Initialized')).toMatchObject({ status: 'False', reason: 'ContainersNotInitialized' });
    expect(await kubectl.ok(['get', 'pod', 'init-fails', '--no-headers'])).toMatch(/^init-fails +0\/1 +Init:Error +0 /);
  });

  it('where containers are restarted, so is a failed init container', async () => {
    const running = await phase('init-retries', 'Running');
    expect(running.status.initContainerStatuses?.[0]).toMatchObject({ restartCount: 1, ready: true });
  });
});

describe('restarts', () => {
  it('a crashing container is started ever later', async () => {
    const waiting = await waitsFor('crash', 'CrashLoopBackOff');
    const { state, lastState, restartCount } = first(waiting) as ContainerStatus;
    expect(state?.waiting?.message).toMatch(/^back-off 10s restarting failed container=main pod=crash_containers\(/);
    expect(lastState?.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
    expect(restartCount).toBe(1);
    expect(await kubectl.ok(['get', 'pod', 'crash', '--no-headers'])).toMatch(
      /^crash +0\/1 +CrashLoopBackOff +1 \(\d+s ago\)/,
    );
    expect(await eventOf('crash', 'BackOff')).toMatchObject({
      type: 'Warning',
      message: expect.stringMatching(/^Back-off restarting failed container main in pod crash_containers\(/),
    });
    await kubectl.ok(['delete', 'pod', 'crash', '--timeout=30s']);
  });

  it('OnFailure: until it succeeds', async () => {
    const done = await phase('on-failure', 'Succeeded');
    expect(first(done)).toMatchObject({ restartCount: 1, state: { terminated: { exitCode: 0 } } });
  });

  it('of all containers in place: one asks for it, volumes and address stay', async () => {
    const all = ({ status }: Pod) => [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    const isDone = (p: Pod) => condition(p, 'Ready')?.status === 'True' && all(p).every((c) => c.restartCount === 1);
    const after = await untilPod('together', isDone);
    expect(await kubectl.ok(['exec', 'together', '-c', 'asks', '--', 'cat', '/d/order'])).toBe(
      'prepare\nasks\nprepare\nasks\n',
    );
    expect(all(after).map(({ name, lastState }) => [name, lastState?.terminated?.exitCode])).toEqual([
      ['prepare', 0],
      ['asks', 42],
      ['ends', 137],
    ]);
    expect(condition(after, 'AllContainersRestarting')?.status).toBe('False');
    const sandboxes = '--field-selector=involvedObject.name=together,reason=SandboxChanged';
    expect(await kubectl.ok(['get', 'events', sandboxes, '-o', 'name'])).toBe('');
    await kubectl.ok(['delete', 'pod', 'together', '--grace-period=1']);
  });

  it('a container over its memory limit is OOMKilled', async () => {
    // Who was killed, and why, are two messages of the kernel: the second may come a moment later.
    const ended = async () => first(await phase('oom', 'Failed'))?.state?.terminated;
    await expect.poll(ended, { timeout: 10_000 }).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
    expect(await kubectl.ok(['get', 'pod', 'oom', '--no-headers'])).toMatch(/^oom +0\/1 +OOMKilled +0 /);
  });

  it('its last words are in its status', async () => {
    const { status } = await phase('words', 'Failed');
    const words = (status.containerStatuses ?? []).map(({ name, state }) => [name, state?.terminated?.message]);
    expect(words).toEqual([
      ['file', 'from the file\n'],
      ['fine', undefined],
      ['logs', 'last words\n'],
    ]);
  });

  it('a pod past its deadline fails', async () => {
    const { status } = await phase('deadline', 'Failed');
    expect(status).toMatchObject({
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    });
  });
});

describe('what cannot start says why', () => {
  it('no such image', async () => {
    expect(await eventOf('no-image', 'Failed')).toMatchObject({ type: 'Warning' });
    const backedOff = await waitsFor('no-image', 'ImagePullBackOff');
    expect(first(backedOff)?.state?.waiting?.message).toContain('Back-off pulling image "knarr.local/nosuch:1"');
  });

  it.each([
    [
      'never-pull',
      'ErrImageNeverPull',
      'Container image "knarr.local/nosuch:1" is not present with pull policy of Never',
    ],
    [
      'bad-image',
      'InvalidImageName',
      'Failed to apply default image tag "a:b:c": couldn\'t parse image name "a:b:c": invalid reference format',
    ],
    ['no-config', 'CreateContainerConfigError', 'configmap "none" not found'],
    ['root-refused', 'CreateContainerConfigError', 'container has runAsNonRoot and image will run as root'],
  ])('%s: %s', async (name, reason, message) => {
    const waiting = await waitsFor(name, reason);
    expect(waiting.status.phase).toBe('Pending');
    expect(first(waiting)?.state?.waiting?.message).toContain(message);
    expect(await kubectl.ok(['get', 'pod', name, '--no-headers'])).toContain(` ${reason} `);
  });

  it('no such program', async () => {
    const failed = await phase('no-program', 'Failed');
    expect(first(failed)?.state?.terminated).toMatchObject({
      exitCode: 128,
      reason: 'StartError',
      message: expect.stringContaining('exec: "/nosuch": stat /nosuch: no such file or directory'),
    });
  });

  it('no such volume source', async () => {
    expect(await eventOf('no-volume', 'FailedMount')).toMatchObject({
      type: 'Warning',
      message: 'MountVolume.SetUp failed for volume "v" : configmap "none" not found',
      source: { component: 'kubelet', host: 'node1' },
    });
    expect(first(await kubectl.object<Pod>('pod', 'no-volume'))?.state?.waiting?.reason).toBe('ContainerCreating');
  });

  it('no node is big enough', async () => {
    const pending = await untilPod('too-big', (p) => condition(p, 'PodScheduled')?.reason === 'Unschedulable');
    expect(condition(pending, 'PodScheduled')?.message).toMatch(/^0\/1 nodes are available: 1 Insufficient cpu\./);
    expect(await eventOf('too-big', 'FailedScheduling')).toMatchObject({ reportingComponent: 'default-scheduler' });
  });
});

describe('what a container may', () => {
  it('its limits are those of its cgroup', async () => {
    await phase('limits', 'Running');
    const read =
      'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max';
    const [memory, cpu = ''] = (await kubectl.ok(['exec', 'limits', '--', 'sh', '-c', read])).trim().split('\n');
    expect(memory).toBe(String(48 * 1024 * 1024));
    expect(cpu.split(' ')[0]).toBe('25000');
    const { status } = await kubectl.object<Pod>('pod', 'limits');
    expect(status.qosClass).toBe('Burstable');
  });

  it('its user, groups, capabilities and file system are as it is told', async () => {
    await phase('secured', 'Succeeded');
    const [id, touched, capabilities, privileges, file, somaxconn] = (await kubectl.ok(['logs', 'secured'])).split(
      '\n',
    );
    expect(id).toBe('uid=1000 gid=2000 groups=2000,3000,4000');
    expect(touched).toContain('Read-only file system');
    expect(capabilities).toMatch(/^CapEff:\s+0000000000000000$/);
    expect(privileges).toMatch(/^NoNewPrivs:\s+1$/);
    expect(file).toMatch(/ 1000 +3000 .* \/d\/f$/);
    expect(somaxconn).toBe('555');
  });
});
