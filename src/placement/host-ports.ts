import type { PodSpec, Protocol } from '../api/generated/types.ts';

export interface HostPort {
  protocol: Protocol;
  port: number;
  /** `0.0.0.0` is every address. */
  ip: string;
}

/** The ports that a pod takes on its node's own addresses; sidecars' count, other init containers' do not. */
export function hostPortsOf(spec: PodSpec): HostPort[] {
  const lasting = (spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  return [...lasting, ...spec.containers].flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => port.hostPort)
      .map((port) => ({
        protocol: port.protocol ?? 'TCP',
        port: port.hostPort as number,
        ip: port.hostIP || '0.0.0.0',
      })),
  );
}

/** Two pods cannot have the same port and protocol on one address, and "every address" is all of them. */
export const conflicts = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0');
