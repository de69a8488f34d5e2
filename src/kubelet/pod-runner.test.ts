import { afterEach, describe, expect, it } from 'vitest';
import type { RuntimeHandler } from '../api/generated/cri.ts';
import type { Container, Pod, PodSpec, PodStatus } from '../api/generated/types.ts';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { FakeCri } from '../cri/fake.ts';
import type { ContainerInput } from './hooks/hook.ts';
import { fakeImageAccess } from './image-access/fake-image-access.ts';
import { Images } from './images.ts';
import { Limiter } from './limiter.ts';
import { PodOperations } from './pod-operations.ts';
import { PodRunner } from './pod-runner.ts';

const objects = { configMap: async () => undefined, secret: async () => undefined };
const options = {
  cgroupParentOf: () => '/kubepods',
  dns: { servers: [], domain: 'cluster.local' },
  hostDns: { servers: [], searches: [], options: [] },
  hostIps: [],
  allocatable: {},
  memoryCapacityBytes: 1e9,
};

describe('one pod, its operations and a runtime', () => {
  let stop = () => {};
  afterEach(() => stop());

  /** Runs the pod; answers what its status says after some seconds, and what a hook was told of its container. */
  async function run(
    container: Partial<Container>,
    { spec = {}, runtimeHandlers = [] }: { spec?: Partial<PodSpec>; runtimeHandlers?: RuntimeHandler[] } = {},
  ) {
    const clock = new VirtualClock();
    const cri = new FakeCri({ clock, rng: seededRng(1) }, { images: [{ ref: 'here:1', present: true }] });
    const asked: ContainerInput[] = [];
    const hook = {
      name: 'asks',
      async mounts(input: ContainerInput) {
        asked.push(input);
        return [];
      },
    };
    const operations = new PodOperations(
      {
        ...{ cri, clock, objects, hooks: [hook], limiter: new Limiter(1), services: () => [], logDirOf: () => '/logs' },
        cdi: { resolve: async (extras) => [...extras] },
        images: new Images({ images: cri.images, clock, objects, access: fakeImageAccess(clock) }),
        files: { lastWords: async () => '', removeContainer: async () => {} },
        envFiles: { volumePath: (uid, name) => `/${uid}/${name}`, read: async (...at) => `AT='${at.join('/')}'` },
        runtimeHandlerOf: async ({ spec: { runtimeClassName } }) =>
          runtimeClassName && `handler-of-${runtimeClassName}`,
      },
      { ...options, runtimeHandlers: () => runtimeHandlers },
    );
    let status: PodStatus = {};
    const statusWriter = { observe() {}, delete() {}, write: (_: Pod, now: PodStatus) => void (status = now) };
    const containers = [{ name: 'c', image: 'here:1', ...container }];
    const pod: Pod = { metadata: { name: 'p', namespace: 'n', uid: 'u' }, spec: { containers, ...spec }, status: {} };
    const runner = new PodRunner(
      {
        ...{ cri, clock, operations, statusWriter, log: silentLog, recorder: { event() {} } },
        ...{ hostIps: [], finished() {}, owns() {} },
      },
      { pod, isGoneFromApi: false },
    );
    stop = () => runner.stop();
    runner.feed({ type: 'runtime', runtime: { sandboxes: [], containers: [] } });
    await clock.advance(5000);
    return { asked: asked.at(-1), status: status.containerStatuses?.[0] };
  }

  it('makes mounts read-only with all below them where the way that the pod runs can have that', async () => {
    const volumeMounts = [{ name: 'v', mountPath: '/v', readOnly: true, recursiveReadOnly: 'IfPossible' }];
    const runtimeHandlers = [
      { name: '', features: { recursiveReadOnlyMounts: true } },
      { name: 'handler-of-other', features: {} },
    ];
    const other = { runtimeClassName: 'other' };
    for (const [how, recursiveReadOnly] of [
      [{ runtimeHandlers }, 'Enabled'],
      [{ runtimeHandlers, spec: other }, 'Disabled'],
      [{}, 'Disabled'],
    ] as const) {
      const { asked, status } = await run({ volumeMounts }, how);
      expect(asked?.mountsReadOnlyRecursively).toBe(recursiveReadOnly === 'Enabled');
      expect(status?.volumeMounts).toEqual([{ name: 'v', mountPath: '/v', readOnly: true, recursiveReadOnly }]);
      expect(status?.state?.running).toBeDefined();
    }
  });

  it('takes variables from files in volumes, and tries again while there is none', async () => {
    const fileKeyRef = (key: string) => ({ fileKeyRef: { volumeName: 'v', path: 'file', key } });
    const found = await run({ env: [{ name: 'A', valueFrom: fileKeyRef('AT') }] });
    expect(found.asked?.env.get('A')).toBe('/u/v/file');
    const { status } = await run({ env: [{ name: 'A', valueFrom: fileKeyRef('NONE') }] });
    expect(status?.state).toEqual({
      waiting: {
        reason: 'CreateContainerConfigError',
        message: 'environment variable key "NONE" not found in file "/u/v/file"',
      },
    });
  });
});
