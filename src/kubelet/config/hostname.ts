import type { Pod } from '../../api/generated/types.ts';

const maxLength = 63;

/** The pod's hostname and, when it has a subdomain, its domain in the cluster. */
export function hostnameOf(pod: Pod, clusterDomain: string): { hostname: string; domain: string } {
  const { hostname, subdomain, hostnameOverride, setHostnameAsFQDN } = pod.spec;
  if (hostnameOverride) return { hostname: hostnameOverride, domain: '' };
  const short = (hostname || pod.metadata.name).slice(0, maxLength).replace(/[-.]+$/, '');
  const domain = subdomain ? `${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}` : '';
  return { hostname: setHostnameAsFQDN && domain ? `${short}.${domain}` : short, domain };
}
