import type { EndpointSlice, Service } from '../api/generated/types.ts';
import type { TableContent } from '../nft/table.ts';
import type { ProxyNode } from './frontend.ts';
import { ServiceBook } from './service-book.ts';

export interface ServiceState {
  services: Iterable<Service>;
  endpointSlices: Iterable<EndpointSlice>;
}

/** The table of a node for this state. What a `ServiceBook` comes to piece by piece is this, but for the order of slots. */
export function render({ services, endpointSlices }: ServiceState, node: ProxyNode): TableContent {
  const book = new ServiceBook(node);
  for (const slice of endpointSlices) book.setSlice(slice);
  for (const service of services) book.setService(service);
  return book.takeContent();
}
