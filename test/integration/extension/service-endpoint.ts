import { networkInterfaces } from 'node:os';
import type { ApiProcess } from './api-process.ts';

/** An address of this machine that endpoints may have: none of the loopback interface. */
export function machineAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const found = all.find(({ family, internal }) => family === 'IPv4' && !internal);
  if (!found) throw new Error('this machine has no address outside its loopback interface');
  return found.address;
}

/** A Service in `default` without a selector, with one endpoint on this machine. */
export async function exposeOnService(server: ApiProcess, name: string, port: number): Promise<void> {
  const spec = { ports: [{ name: 'https', port: 443, targetPort: port }] };
  const service = await server.post('/api/v1/namespaces/default/services', { metadata: { name }, spec });
  const slice = await server.post('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [machineAddress()], conditions: { ready: true } }],
    ports: [{ name: 'https', port }],
  });
  if (service.status !== 201 || slice.status !== 201) throw new Error(JSON.stringify([service.body, slice.body]));
}
