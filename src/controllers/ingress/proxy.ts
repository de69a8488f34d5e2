import { ingressclasses, ingresses } from '../../api/generated/resources.ts';
import type { Ingress, IngressClass, IngressLoadBalancerStatus } from '../../api/generated/types.ts';
import { ingressControllerName } from '../../api/networking/ingress-controller.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import { ingressModel, type IngressProblem } from '../../ingress/ingress-model.ts';
import { type ControllerContext, defineController, done, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { RoutedObjects } from './objects.ts';
import { Proxies } from './proxies.ts';

/** All Ingresses share one proxy, so all of them are one piece of work. */
const key = 'ingresses';
const proxyName = 'knarr-ingress';
/** Older than `spec.ingressClassName`, and still in charts. */
const classAnnotation = 'kubernetes.io/ingress.class';

/**
 * Serves Ingresses of the classes that are this controller's by one proxy, and tells them its address. While there is none
 * there is no proxy either.
 */
export const ingressProxy = defineController({
  name: 'ingress.proxy',
  serviceAccount: 'ingress-controller',
  workers: 1,
  setup(context) {
    const all = context.informer(ingresses);
    const classes = context.informer(ingressclasses);
    const objects = new RoutedObjects(context);
    const proxies = new Proxies(context, 'ingress');
    const tell = problemTeller(context);
    return {
      watches: [
        watch(all, () => [key], isWorth),
        watch(classes, () => [key]),
        ...objects.watches(key, () => all.size > 0),
        ...proxies.watches(key),
      ],
      async reconcile(_, client) {
        const live = all.list().filter(({ metadata }) => !metadata.deletionTimestamp);
        const served = live.filter((ingress) => isServed(ingress, classes));
        const others = live.filter((ingress) => !isServed(ingress, classes));
        const { model, problems } = ingressModel(served, objects);
        // Also those of a proxy that goes now.
        const addresses = proxies.addressesOf(proxyName);
        const tooLarge = await proxies.keep(served.length > 0 ? [{ name: proxyName, model }] : [], client);
        const [youngest] = [...served].sort((a, b) => (createdAt(a) > createdAt(b) ? -1 : 1));
        const overflow = tooLarge.size > 0 && youngest ? [{ ingress: youngest, message: overflowMessage }] : [];
        tell([...problems, ...overflow]);
        await writeStatuses({ served, others }, addresses, client);
        return done;
      },
    };
  },
});

const overflowMessage =
  'all routes and certificates together are more than a Secret holds: the proxy goes on with those before';
const createdAt = ({ metadata }: Ingress): string => metadata.creationTimestamp ?? '';

const isWorth = (old: Ingress, ingress: Ingress): boolean =>
  !sameJson(old.spec, ingress.spec) ||
  !sameJson(old.status, ingress.status) ||
  classOf(old) !== classOf(ingress) ||
  old.metadata.deletionTimestamp !== ingress.metadata.deletionTimestamp;

const classOf = ({ spec, metadata }: Ingress): string | undefined =>
  spec.ingressClassName ?? metadata.annotations?.[classAnnotation];

function isServed(ingress: Ingress, classes: Informer<IngressClass>): boolean {
  const name = classOf(ingress);
  return name !== undefined && classes.get({ name })?.spec?.controller === ingressControllerName;
}

/** Says each once: events are for people. */
function problemTeller({ recorder }: Pick<ControllerContext, 'recorder'>) {
  let told = new Set<string>();
  return (problems: readonly IngressProblem[]): void => {
    const now = new Set<string>();
    for (const { ingress, message } of problems) {
      const text = `${keyText(keyOf(ingress))} ${message}`;
      const about = { kind: 'Ingress', apiVersion: 'networking.k8s.io/v1', ...ingress.metadata };
      if (!told.has(text) && !now.has(text)) recorder.event(about, 'Warning', 'Unresolved', message);
      now.add(text);
    }
    told = now;
  };
}

/** Those that are served have the addresses of the proxy, and none that is not has them any more. */
async function writeStatuses(
  { served, others }: { served: readonly Ingress[]; others: readonly Ingress[] },
  addresses: readonly string[],
  client: Client,
): Promise<void> {
  const ours: IngressLoadBalancerStatus = addresses.length > 0 ? { ingress: addresses.map((ip) => ({ ip })) } : {};
  const has = ({ status }: Ingress, loadBalancer: IngressLoadBalancerStatus) =>
    sameJson(status?.loadBalancer ?? {}, loadBalancer);
  const write = (ingress: Ingress, loadBalancer: IngressLoadBalancerStatus) =>
    client.update(ingresses, { ...ingress, status: { loadBalancer } }, { subresource: 'status' });
  for (const ingress of served) if (!has(ingress, ours)) await write(ingress, ours);
  for (const ingress of others) if (addresses.length > 0 && has(ingress, ours)) await write(ingress, {});
}
