import { ipaddresses, servicecidrs } from '../../api/generated/resources.ts';
import type { Condition, IPAddress, ServiceCIDR } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { blockContains } from '../../base/ipv4.ts';
import { hasFinalizer, withFinalizer, withoutFinalizer } from '../finalizers.ts';
import { defineController, done, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { timeText } from '../time-text.ts';

const finalizer = 'networking.k8s.io/service-cidr-finalizer';

/** Says which ranges of service addresses are ready; one that is deleted goes when no address needs it (KEP-1880). */
export const serviceCidrStatus = defineController({
  name: 'servicecidr.status',
  serviceAccount: 'service-cidrs-controller',
  eventSource: 'service-cidr-controller',
  workers: 1,
  setup(context) {
    const all = context.informer(servicecidrs);
    const addresses = context.informer(ipaddresses);
    const going = () => all.list().filter((c) => c.metadata.deletionTimestamp);
    const keysOfAddress = (address: IPAddress) =>
      going()
        .filter((c) => contains(c, address))
        .map((c) => c.metadata.name);
    return {
      watches: [
        watch(all, (c) => [c.metadata.name, ...going().map((other) => other.metadata.name)]),
        watch(addresses, keysOfAddress),
      ],
      async reconcile(key, client) {
        const cidr = all.get(key);
        if (!cidr) return done;
        if (!cidr.metadata.deletionTimestamp) {
          if (!hasFinalizer(cidr, finalizer)) {
            const { finalizers } = withFinalizer(cidr, finalizer).metadata;
            await client.patch(servicecidrs, { name: key }, { type: 'merge', body: { metadata: { finalizers } } });
          }
          await tell(cidr, { status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' });
          return done;
        }
        const others = all.list().filter((c) => c !== cidr && !c.metadata.deletionTimestamp);
        const needed = addresses.list().some((a) => contains(cidr, a) && !others.some((other) => contains(other, a)));
        if (needed) {
          const message =
            'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';
          await tell(cidr, { status: 'False', reason: 'Terminating', message });
        } else if (hasFinalizer(cidr, finalizer)) {
          const { finalizers } = withoutFinalizer(cidr, finalizer).metadata;
          await client.patch(servicecidrs, { name: key }, { type: 'merge', body: { metadata: { finalizers } } });
        }
        return done;

        async function tell({ status, metadata }: ServiceCIDR, text: Omit<Condition, 'type' | 'lastTransitionTime'>) {
          const known = status?.conditions?.find((c) => c.type === 'Ready');
          const isSame = known?.status === text.status;
          const lastTransitionTime = isSame ? known.lastTransitionTime : timeText(context.clock.now());
          const condition = { type: 'Ready', ...text, lastTransitionTime };
          if (sameJson(known, condition)) return;
          const others = status?.conditions?.filter((c) => c.type !== 'Ready') ?? [];
          const body = { status: { conditions: [...others, condition] } };
          try {
            await client.patch(
              servicecidrs,
              { name: metadata.name },
              { type: 'merge', body },
              { subresource: 'status' },
            );
          } catch (error) {
            if (!isNotFound(error)) throw error;
          }
        }
      },
    };
  },
});

const contains = ({ spec }: ServiceCIDR, address: IPAddress): boolean =>
  (spec?.cidrs ?? []).some((cidr) => !cidr.includes(':') && blockContains(cidr, address.metadata.name));
