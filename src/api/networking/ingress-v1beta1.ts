import { defineConversion } from '../conversion.ts';
import type {
  Ingress,
  IngressBackend,
  IngressRule,
  NetworkingIngress,
  NetworkingIngressBackend,
  NetworkingIngressRule,
} from '../generated/types.ts';

/** The service of a backend was two members: its name, and a port that is a name or a number. */
function backendToStored(backend: NetworkingIngressBackend): IngressBackend {
  const { serviceName, servicePort, ...rest } = backend;
  if (!serviceName && !servicePort) return rest;
  const port = typeof servicePort === 'string' ? { name: servicePort } : { number: servicePort ?? 0 };
  return { ...rest, service: { name: serviceName ?? '', port } };
}

function backendFromStored({ service, ...rest }: IngressBackend): NetworkingIngressBackend {
  if (!service) return rest;
  return { ...rest, serviceName: service.name, servicePort: service.port?.name || (service.port?.number ?? 0) };
}

type Paths<Backend> = { paths: { backend: Backend }[] | null };

/** A rule with the backends of its paths in other words. */
const ruleWith = <From, To, Rule>(rule: { http?: Paths<From> }, convert: (backend: From) => To): Rule =>
  (rule.http
    ? {
        ...rule,
        http: {
          ...rule.http,
          paths: rule.http.paths?.map((path) => ({ ...path, backend: convert(path.backend) })) ?? null,
        },
      }
    : rule) as Rule;

/** networking.k8s.io/v1beta1, and extensions/v1beta1 before it. */
export const ingressV1beta1 = defineConversion<NetworkingIngress, Ingress>({
  toStored(ingress) {
    const { backend, rules, ...spec } = ingress.spec;
    return {
      ...ingress,
      spec: {
        ...spec,
        ...(backend ? { defaultBackend: backendToStored(backend) } : {}),
        ...(rules
          ? {
              rules: rules.map((r) =>
                ruleWith<NetworkingIngressBackend, IngressBackend, IngressRule>(r, backendToStored),
              ),
            }
          : {}),
      },
    };
  },
  fromStored(ingress) {
    const { defaultBackend, rules, ...spec } = ingress.spec;
    return {
      ...ingress,
      spec: {
        ...spec,
        ...(defaultBackend ? { backend: backendFromStored(defaultBackend) } : {}),
        ...(rules
          ? {
              rules: rules.map((r) =>
                ruleWith<IngressBackend, NetworkingIngressBackend, NetworkingIngressRule>(r, backendFromStored),
              ),
            }
          : {}),
      },
    };
  },
});
