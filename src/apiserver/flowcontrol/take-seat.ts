import { groupResource } from '../../api/resource.ts';
import type { Store } from '../../store/store.ts';
import { type Attributes, isResource } from '../authz/attributes.ts';
import type { UserInfo } from '../authn/user-info.ts';
import { flag } from '../request.ts';
import type { HttpResponse } from '../respond.ts';
import type { FlowControl, Ticket } from './flow-control.ts';

/** A seat at the request's priority level; the answer says which one it was. Who hangs up waits no longer. */
export function takeSeat(
  flowControl: FlowControl,
  response: HttpResponse,
  ask: { user: UserInfo; attributes: Attributes; query: URLSearchParams },
): Ticket | Promise<Ticket> {
  const { user, attributes, query } = ask;
  const flow = flowControl.classify(user, attributes);
  response.setHeader('x-kubernetes-pf-flowschema-uid', flow.schema.metadata.uid ?? '');
  response.setHeader('x-kubernetes-pf-prioritylevel-uid', flow.level.config.metadata.uid ?? '');
  const objects = objectsOf(flowControl.store, attributes, query);
  const onWait = (giveUp: () => void) => response.on('close', giveUp);
  return flowControl.enter(flow, { user, attributes, objects, onWait });
}

/** How many objects a request goes through: what its seats follow from. */
function objectsOf(store: Store, attributes: Attributes, query: URLSearchParams): number {
  const isList = attributes.verb === 'list' || (attributes.verb === 'watch' && flag(query, 'sendInitialEvents'));
  if (!isList || !isResource(attributes) || attributes.name) return 1;
  const stored = store.count(groupResource(attributes));
  const limit = Number(query.get('limit')) || stored;
  const selects = query.has('labelSelector') || query.has('fieldSelector');
  return selects ? stored : Math.min(limit, stored);
}
