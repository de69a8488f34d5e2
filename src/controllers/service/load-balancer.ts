import { services } from '../../api/generated/resources.ts';
import type { LoadBalancerStatus, Service } from '../../api/generated/types.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import { type IPv4Block, parseBlock } from '../../base/ipv4.ts';
import { defineController, done, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { heldAddress, isPooled, planAddresses } from './address-plan.ts';

/** All services share one pool, so all of them are one piece of work: no address is given twice. */
const poolKey = 'pool';

/**
 * Gives services of type LoadBalancer addresses from the cluster's pool, and takes them from services that are none any
 * more. Who answers at the addresses is the nodes' matter.
 */
export const serviceLoadBalancer = (poolCidr: string) =>
  defineController({
    name: 'service.load-balancer',
    serviceAccount: 'service-controller',
    workers: 1,
    setup(context) {
      const pool = parseBlock(poolCidr) as IPv4Block;
      const all = context.informer(services);
      const concerns = (service: Service) => isPooled(service) || heldAddress(service, pool) !== undefined;
      /** Said once: events are for people. */
      const refused = new Map<string, string>();
      return {
        watches: [watch(all, (service) => (concerns(service) ? [poolKey] : []))],
        async reconcile(_, client) {
          const plan = planAddresses(all.list(), pool);
          for (const key of refused.keys()) if (!plan.has(key)) refused.delete(key);
          for (const service of all.list().filter(concerns)) {
            const key = keyText(keyOf(service));
            const assignment = plan.get(key);
            const about = { kind: 'Service', apiVersion: 'v1', ...service.metadata };
            if (assignment && 'refusal' in assignment) {
              if (refused.get(key) !== assignment.refusal)
                context.recorder.event(about, 'Warning', 'AllocationFailed', assignment.refusal);
              refused.set(key, assignment.refusal);
            } else refused.delete(key);
            const loadBalancer: LoadBalancerStatus =
              assignment && 'address' in assignment ? { ingress: [{ ip: assignment.address, ipMode: 'VIP' }] } : {};
            if (sameJson(service.status?.loadBalancer ?? {}, loadBalancer)) continue;
            const status = { ...service.status, loadBalancer };
            await client.update(services, { ...service, status }, { subresource: 'status' });
            const address = loadBalancer.ingress?.[0]?.ip;
            if (address) context.recorder.event(about, 'Normal', 'IPAllocated', `Assigned IP ["${address}"]`);
          }
          return done;
        },
      };
    },
  });
