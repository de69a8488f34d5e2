import type { Endpoints, EndpointSubset } from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '../meta/name-format.ts';
import { endpointAddress } from './address.ts';
import { child, each, type FieldError, formatted, invalidValue, required, requiredOneOf } from './check.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];

export const validateEndpoints = ({ subsets }: Endpoints): FieldError[] => each(subsets, 'subsets', subset);

function subset({ addresses, notReadyAddresses, ports }: EndpointSubset, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!addresses?.length && !notReadyAddresses?.length)
    errors.push(required(path, 'must specify `addresses` or `notReadyAddresses`'));
  for (const member of ['addresses', 'notReadyAddresses'] as const) {
    const list = member === 'addresses' ? addresses : notReadyAddresses;
    errors.push(
      ...each(list, child(path, member), ({ ip, hostname, nodeName }, p) => [
        ...endpointAddress(child(p, 'ip'), ip),
        ...formatted(child(p, 'hostname'), hostname, dns1123Label),
        ...formatted(child(p, 'nodeName'), nodeName, dns1123Subdomain),
      ]),
    );
  }
  const several = (ports?.length ?? 0) > 1;
  return [
    ...errors,
    ...each(ports, child(path, 'ports'), ({ name, port, protocol, appProtocol }, p) => [
      ...(several && !name ? [required(child(p, 'name'))] : formatted(child(p, 'name'), name, dns1123Label)),
      ...portNumber(port).map((text) => invalidValue(child(p, 'port'), port, text)),
      ...requiredOneOf(child(p, 'protocol'), protocol, protocols),
      ...formatted(child(p, 'appProtocol'), appProtocol, qualifiedName),
    ]),
  ];
}
