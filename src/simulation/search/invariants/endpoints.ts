import { type Invariant, isActive, isReady } from '../invariant.ts';

export const endpoints: Invariant = {
  name: 'a Service leads to its ready pods and to no others',
  atRest({ services, endpointSlices, pods }) {
    return services.flatMap(({ metadata, spec }) => {
      const selector = Object.entries(spec?.selector ?? {});
      if (selector.length === 0) return [];
      const mine = pods.filter((pod) => selector.every(([key, value]) => pod.metadata.labels?.[key] === value));
      const wanted = mine.filter((pod) => isActive(pod) && isReady(pod)).map(({ status }) => status?.podIP ?? '');
      const slices = endpointSlices.filter((s) => s.metadata.labels?.['kubernetes.io/service-name'] === metadata.name);
      const found = slices
        .flatMap((slice) => slice.endpoints ?? [])
        .filter(({ conditions }) => conditions?.ready)
        .map(({ addresses }) => addresses[0] ?? '');
      if (wanted.toSorted().join() === found.toSorted().join()) return [];
      return [`${metadata.name} leads to [${found.toSorted()}], ready are [${wanted.toSorted()}]`];
    });
  },
};
