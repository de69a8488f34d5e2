import { endpointslices, services } from '../../api/generated/resources.ts';
import type { APIService, APIServiceCondition } from '../../api/generated/types.ts';
import type { ObjectReader } from '../object-reader.ts';
import { readyEndpoints } from '../service-endpoint.ts';

/** Whether an aggregated server can be used, and why not, in upstream's words. */
export type Availability = Pick<APIServiceCondition, 'status' | 'reason' | 'message'>;

const no = (reason: string, message: string): Availability => ({ status: 'False', reason, message });

export const passed: Availability = { status: 'True', reason: 'Passed', message: 'all checks passed' };
export const failedDiscovery = (message: string): Availability => no('FailedDiscoveryCheck', message);

/** What the service before an aggregated server lacks; undefined: nothing, it can be asked. */
export function serviceProblem({ spec }: APIService, read: ObjectReader): Availability | undefined {
  const { namespace = '', name = '', port: number = 443 } = spec.service ?? {};
  const shown = `service/${name} in ${JSON.stringify(namespace)}`;
  const service = read.get(services, namespace, name);
  if (!service) return no('ServiceNotFound', `${shown} is not present`);
  if (service.spec.type !== 'ClusterIP') return undefined;
  const port = service.spec.ports?.find((one) => one.port === number);
  if (!port) return no('ServicePortError', `${shown} is not listening on port ${number}`);
  const portName = port.name ?? '';
  if (readyEndpoints(read, { namespace, name }, portName).length > 0) return undefined;
  const isKnown = read
    .list(endpointslices, namespace)
    .some(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name);
  return isKnown
    ? no('MissingEndpoints', `endpointslices for ${shown} have no addresses with port name ${JSON.stringify(portName)}`)
    : no('EndpointsNotFound', `cannot find endpointslices for ${shown}`);
}

export const isAvailable = ({ status }: APIService): boolean =>
  status.conditions?.some(({ type, status: value }) => type === 'Available' && value === 'True') ?? false;

/** The APIService with the condition; undefined when it says so already. */
export function withAvailability(service: APIService, now: Availability, time: string): APIService | undefined {
  const conditions = service.status.conditions ?? [];
  const before = conditions.find(({ type }) => type === 'Available');
  if (before?.status === now.status && before.reason === now.reason && before.message === now.message) return undefined;
  const lastTransitionTime = before?.status === now.status ? before.lastTransitionTime : time;
  const condition = { type: 'Available', ...now, lastTransitionTime };
  return { ...service, status: { conditions: [...conditions.filter((one) => one !== before), condition] } };
}
