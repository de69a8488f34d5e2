import type { Service } from '../../api/generated/types.ts';

/** The variables of the Docker links of old: NAME_SERVICE_HOST, NAME_SERVICE_PORT, NAME_PORT_80_TCP… for each service. */
export function serviceEnv(services: readonly Service[]): Map<string, string> {
  const env = new Map<string, string>();
  for (const service of services) {
    const ip = service.spec.clusterIP;
    const [first] = service.spec.ports ?? [];
    if (!ip || ip === 'None' || !first) continue;
    const name = variableName(service.metadata.name);
    env.set(`${name}_SERVICE_HOST`, ip);
    env.set(`${name}_SERVICE_PORT`, String(first.port));
    for (const port of service.spec.ports ?? []) {
      if (port.name) env.set(`${name}_SERVICE_PORT_${variableName(port.name)}`, String(port.port));
    }
    const url = (port: number, protocol: string) => `${protocol.toLowerCase()}://${ip}:${port}`;
    env.set(`${name}_PORT`, url(first.port, first.protocol ?? 'TCP'));
    for (const { port, protocol = 'TCP' } of service.spec.ports ?? []) {
      const prefix = `${name}_PORT_${port}_${protocol}`;
      env.set(prefix, url(port, protocol));
      env.set(`${prefix}_PROTO`, protocol.toLowerCase());
      env.set(`${prefix}_PORT`, String(port));
      env.set(`${prefix}_ADDR`, ip);
    }
  }
  return env;
}

/** The services a pod sees this way: those of its namespace, and `kubernetes` always. */
export function visibleServices(all: readonly Service[], namespace: string, enableLinks: boolean): Service[] {
  const isMaster = (s: Service) => s.metadata.namespace === 'default' && s.metadata.name === 'kubernetes';
  const visible = all.filter((s) => isMaster(s) || (enableLinks && s.metadata.namespace === namespace));
  // A service of the same name in the pod's own namespace wins: it comes last.
  return visible.toSorted((a, b) => Number(isMaster(b)) - Number(isMaster(a)));
}

const variableName = (name: string): string => name.replaceAll('-', '_').toUpperCase();
