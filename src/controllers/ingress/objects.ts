import { endpointslices, secrets, services } from '../../api/generated/resources.ts';
import type { EndpointSlice, Secret, Service } from '../../api/generated/types.ts';
import { keyText, type ObjectKey } from '../../api/resource.ts';
import type { Informer } from '../../client/informer.ts';
import { type CertificatePair, certificatePairOf } from '../../ingress/certificates.ts';
import type { IngressView } from '../../ingress/ingress-model.ts';
import { type ControllerContext, type Watch, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';

const serviceNameLabel = 'kubernetes.io/service-name';

/** What routes speak of, in the caches. */
export class RoutedObjects implements IngressView {
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #secrets: Informer<Secret>;
  /** Reading keys takes a millisecond each: what was said of a Secret holds until there is another object. */
  readonly #pairs = new WeakMap<Secret, CertificatePair>();

  constructor(context: Pick<ControllerContext, 'informer'>) {
    this.#services = context.informer(services);
    this.#slices = context.informer(endpointslices);
    this.#secrets = context.informer(secrets);
    this.#slices.addIndex('service', (slice) => [keyText(serviceOf(slice))]);
  }

  /** While there is something to route: services whose ports change, endpoints of headless ones, certificates. */
  watches(key: string, isAwake: () => boolean): Watch[] {
    const keys = () => (isAwake() ? [key] : []);
    return [
      watch(this.#services, keys, (old, service) => !sameJson(old.spec, service.spec)),
      watch(this.#slices, (slice) => (this.#isHeadless(slice) ? keys() : [])),
      watch(this.#secrets, (secret) => (secret.type === 'kubernetes.io/tls' ? keys() : [])),
    ];
  }

  service = (key: ObjectKey): Service | undefined => this.#services.get(key);
  slicesOf = (key: ObjectKey): readonly EndpointSlice[] => this.#slices.index('service', keyText(key));

  certificate = (key: ObjectKey): CertificatePair => {
    const secret = this.#secrets.get(key);
    if (!secret) return { problem: `secret "${keyText(key)}" not found` };
    let pair = this.#pairs.get(secret);
    if (!pair) this.#pairs.set(secret, (pair = certificatePairOf(secret)));
    return pair;
  };

  #isHeadless = (slice: EndpointSlice): boolean => this.#services.get(serviceOf(slice))?.spec.clusterIP === 'None';
}

const serviceOf = ({ metadata }: EndpointSlice): ObjectKey => ({
  namespace: metadata.namespace ?? '',
  name: metadata.labels?.[serviceNameLabel] ?? '',
});
