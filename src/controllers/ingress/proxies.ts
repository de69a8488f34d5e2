import { deployments, secrets, services } from '../../api/generated/resources.ts';
import type { Deployment, Secret, Service } from '../../api/generated/types.ts';
import { type KubeObject, keyOf, type Manifest } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import { givingWay } from '../../base/pieces.ts';
import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import { type ControllerContext, type Watch, watch } from '../runtime.ts';
import { isOfSameSource, isTooLarge, madeByLabel, type Proxy, proxyNamespace, proxyObjects } from './workload.ts';

/** The proxies that one controller has made: there are those that it wants, and no others. */
export class Proxies {
  readonly #clock: Clock;
  readonly #madeBy: string;
  readonly #secrets: Informer<Secret>;
  readonly #deployments: Informer<Deployment>;
  readonly #services: Informer<Service>;

  constructor(context: Pick<ControllerContext, 'informer' | 'clock'>, madeBy: string) {
    this.#clock = context.clock;
    this.#madeBy = madeBy;
    this.#secrets = context.informer(secrets);
    this.#deployments = context.informer(deployments);
    this.#services = context.informer(services);
  }

  /** Somebody has changed or removed one, or the pool has given an address. */
  watches(key: string): Watch[] {
    const keysOf = (object: KubeObject) => (this.#isMade(object) ? [key] : []);
    return [
      watch(this.#secrets, keysOf),
      // Their status is the Deployment's own matter.
      watch(this.#deployments, keysOf, (old, object) => old.metadata.generation !== object.metadata.generation),
      watch(this.#services, keysOf),
    ];
  }

  /** Resolves with the names of those whose files are more than a Secret holds: they go on with what they had. */
  async keep(wanted: readonly Omit<Proxy, 'madeBy'>[], client: Client): Promise<Set<string>> {
    const tooLarge = new Set<string>();
    const names = new Set(wanted.map(({ name }) => name));
    for (const proxy of wanted) {
      const objects = await givingWay(proxyObjects({ ...proxy, madeBy: this.#madeBy }), this.#clock);
      if (isTooLarge(objects.secret)) {
        tooLarge.add(proxy.name);
        continue;
      }
      // What it does comes before who does it.
      await apply(client, this.#secrets, objects.secret);
      await apply(client, this.#deployments, objects.deployment);
      await apply(client, this.#services, objects.service);
    }
    for (const informer of [this.#services, this.#deployments, this.#secrets] as unknown as Informer[]) {
      const isLeft = (o: KubeObject) => this.#isMade(o) && !names.has(o.metadata.name) && !o.metadata.deletionTimestamp;
      for (const object of informer.list().filter(isLeft)) {
        const { uid } = object.metadata;
        const preconditions = uid ? { preconditions: { uid } } : {};
        await client.delete(informer.resource, keyOf(object), { propagationPolicy: 'Background', ...preconditions });
      }
    }
    return tooLarge;
  }

  /** The addresses at which a proxy is reached, once it has some. */
  addressesOf(name: string): string[] {
    const service = this.#services.get({ namespace: proxyNamespace, name });
    return service?.status?.loadBalancer?.ingress?.flatMap(({ ip }) => ip ?? []) ?? [];
  }

  #isMade = ({ metadata }: KubeObject): boolean =>
    metadata.namespace === proxyNamespace && metadata.labels?.[madeByLabel] === this.#madeBy;
}

type Made = KubeObject & { spec?: object; data?: Record<string, string> };

/** Makes the object, or gives one that was made from something else what it should have; what others set beside it stays. */
async function apply<T extends KubeObject>(client: Client, informer: Informer<T>, wanted: Manifest<T>): Promise<void> {
  const present: Made | undefined = informer.get(keyOf(wanted as KubeObject));
  if (!present) return void (await client.create(informer.resource, wanted));
  if (present.metadata.deletionTimestamp || isOfSameSource(present, wanted)) return;
  const { metadata, spec, data } = wanted as Made;
  const { labels, annotations } = present.metadata;
  const object: Made = {
    ...present,
    metadata: {
      ...present.metadata,
      labels: { ...labels, ...metadata.labels },
      annotations: { ...annotations, ...metadata.annotations },
    },
    ...(spec ? { spec: { ...present.spec, ...spec } } : {}),
    ...(data ? { data } : {}),
  };
  await client.update(informer.resource, object as unknown as T);
}
