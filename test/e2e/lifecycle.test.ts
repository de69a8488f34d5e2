import { beforeAll, describe, expect, it } from 'vitest';
import type { ContainerStatus, Event, Pod } from '../../src/api/generated/types.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { demo, listOf, pod, sh } from './manifests.ts';
import { until } from './until.ts';

const every = { periodSeconds: 1, failureThreshold: 1 };
const waitForTerm = 'trap "echo got TERM; exit 0" TERM; while :; do sleep 0.1; done';
const web = 'mkdir /w; echo ok > /w/health; exec httpd -f -p 8081 -h /w';

const pods = [
  pod('dies', {
    containers: [
      sh('c', 'touch /ok; sleep 2; rm /ok; sleep 3600', {
        livenessProbe: { exec: { command: ['cat', '/ok'] }, ...every },
      }),
    ],
  }),
  pod('slow-start', {
    containers: [
      sh('c', `sleep 2; ${web}`, {
        startupProbe: { httpGet: { path: '/health', port: 8081 }, periodSeconds: 1, failureThreshold: 60 },
        livenessProbe: { httpGet: { path: '/health', port: 8081 }, ...every },
        readinessProbe: { tcpSocket: { port: 8081 }, ...every },
      }),
    ],
  }),
  pod('turns', {
    containers: [sh('c', web, { readinessProbe: { httpGet: { path: '/health', port: 8081 }, ...every } })],
  }),
  pod('no-grpc', {
    containers: [{ name: 'c', image: demo, readinessProbe: { grpc: { port: 8080 }, ...every } }],
  }),
  pod('hooks', {
    terminationGracePeriodSeconds: 30,
    volumes: [{ name: 'd', emptyDir: {} }],
    containers: [
      sh('c', waitForTerm, {
        volumeMounts: [{ name: 'd', mountPath: '/d' }],
        lifecycle: {
          postStart: { exec: { command: ['sh', '-c', 'echo started > /d/post'] } },
          preStop: { exec: { command: ['sh', '-c', 'echo stopping > /proc/1/fd/1; sleep 1'] } },
        },
      }),
    ],
  }),
  pod('stubborn', { containers: [sh('c', 'trap "" TERM; while :; do sleep 0.1; done')] }),
  pod('bad-hook', {
    restartPolicy: 'Never',
    containers: [sh('c', 'sleep 3600', { lifecycle: { postStart: { exec: { command: ['sh', '-c', 'exit 4'] } } } })],
  }),
];

let kubectl: Kubectl;
const untilPod = (name: string, is: (pod: Pod) => boolean) => until<Pod>(kubectl, `pod/${name}`, is);
const first = ({ status }: Pod) => status.containerStatuses?.[0] as ContainerStatus;
const isReady = (p: Pod) => p.status.conditions?.find((c) => c.type === 'Ready')?.status === 'True';

async function messages(name: string, reason: string): Promise<(string | undefined)[]> {
  const selector = `--field-selector=involvedObject.name=${name},reason=${reason}`;
  const watch = kubectl.start(['get', 'events', selector, '-o', 'name', '--watch']);
  await watch.says('event/');
  await watch.stop();
  return (await kubectl.object<{ items: Event[] }>('events', selector)).items.map(({ message }) => message);
}

beforeAll(async () => {
  kubectl = await kubectlIn('lifecycle');
  await kubectl.ok(['apply', '-f', '-'], { input: listOf(pods) });
  return async () => {
    await kubectl.ok(['delete', 'namespace', 'lifecycle', '--wait=false']);
  };
});

describe('probes', () => {
  it('liveness: a container that is no longer alive is killed and started again', async () => {
    const again = await untilPod(
      'dies',
      (p) => (first(p)?.restartCount ?? 0) > 0 && first(p).state?.running !== undefined,
    );
    expect(first(again).lastState?.terminated).toMatchObject({ exitCode: 137, reason: 'Error' });
    expect(await messages('dies', 'Unhealthy')).toContain(
      "Liveness probe failed: cat: can't open '/ok': No such file or directory\n",
    );
    expect(await messages('dies', 'Killing')).toContain('Container c failed liveness probe, will be restarted');
  });

  it('startup: the others wait for it', async () => {
    const ready = await untilPod('slow-start', isReady);
    expect(first(ready)).toMatchObject({ restartCount: 0, started: true, ready: true });
    const [refused] = await messages('slow-start', 'Unhealthy');
    expect(refused).toMatch(
      /^Startup probe failed: Get "http:\/\/([\d.]+):8081\/health": dial tcp \1:8081: connect: connection refused$/,
    );
  });

  it('readiness: unready pods get no traffic, and are ready again when they are', async () => {
    await untilPod('turns', isReady);
    await kubectl.ok(['exec', 'turns', '--', 'mv', '/w/health', '/w/ill']);
    const unready = await untilPod('turns', (p) => !isReady(p));
    expect(first(unready)).toMatchObject({ ready: false, restartCount: 0 });
    expect(await messages('turns', 'Unhealthy')).toContain(
      'Readiness probe failed: HTTP probe failed with statuscode: 404',
    );
    await kubectl.ok(['exec', 'turns', '--', 'mv', '/w/ill', '/w/health']);
    await untilPod('turns', isReady);
  });

  it('grpc: a server that speaks something else is not healthy', async () => {
    const [message] = await messages('no-grpc', 'Unhealthy');
    expect(message).toMatch(/^Readiness probe failed: /);
    expect(isReady(await kubectl.object<Pod>('pod', 'no-grpc'))).toBe(false);
  });
});

describe('the end of a pod', () => {
  it('runs preStop, then TERM, and nothing of it is left', async () => {
    await untilPod('hooks', isReady);
    expect(await kubectl.ok(['exec', 'hooks', '--', 'cat', '/d/post'])).toBe('started\n');
    const logs = kubectl.start(['logs', '-f', 'hooks']);
    expect(await kubectl.ok(['delete', 'pod', 'hooks'])).toBe('pod "hooks" deleted from lifecycle namespace\n');
    await logs.exited;
    expect(logs.stdout).toBe('stopping\ngot TERM\n');
    expect(await messages('hooks', 'Killing')).toEqual(['Stopping container c']);
    expect(await kubectl(['get', 'pod', 'hooks'])).toMatchObject({
      code: 1,
      stderr: 'Error from server (NotFound): pods "hooks" not found\n',
    });
  });

  it('what ignores TERM is killed after the grace period', async () => {
    await untilPod('stubborn', isReady);
    const watch = kubectl.start(['get', 'pod', 'stubborn', '-o', 'json', '--watch', '--output-watch-events']);
    await kubectl.ok(['delete', 'pod', 'stubborn']);
    await watch.says('{"type":"DELETED"');
    await watch.stop();
    const deleted = watch.stdout.split('\n').find((line) => line.startsWith('{"type":"DELETED"')) ?? '';
    expect(first(JSON.parse(deleted).object).state?.terminated).toMatchObject({ exitCode: 137, reason: 'Error' });
  });

  it('a failed postStart hook ends the container', async () => {
    const ended = await untilPod('bad-hook', (p) => first(p)?.state?.terminated !== undefined);
    expect(ended.status.phase).toBe('Failed');
    expect(await messages('bad-hook', 'FailedPostStartHook')).toHaveLength(1);
  });
});
