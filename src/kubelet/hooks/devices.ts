import type { DeviceManager } from '../devices/device-manager.ts';
import type { ContainerExtras, PodHook } from './hook.ts';

/** The devices that plugins give to containers, for as long as the pod is there. */
export const devicesHook = ({ devices }: { devices: DeviceManager }): PodHook => ({
  name: 'devices',
  async extras({ pod, container }) {
    const given = await devices.allocate(pod, container);
    const extras: ContainerExtras[] = given.map(
      ({ envs = {}, mounts = [], devices: nodes = [], annotations, cdiDevices }) => ({
        env: envs,
        mounts: mounts.map(({ containerPath, hostPath, readOnly }) => ({
          containerPath,
          hostPath,
          readonly: readOnly ?? false,
        })),
        devices: nodes.map(({ containerPath, hostPath, permissions }) => ({ containerPath, hostPath, permissions })),
        annotations: annotations ?? {},
        cdiDevices: (cdiDevices ?? []).map(({ name }) => ({ name })),
      }),
    );
    return extras;
  },
  teardown: (pod) => devices.release(pod.metadata.uid ?? ''),
});
