import type { HTTPIngressPath, Ingress, IngressBackend } from '../api/generated/types.ts';
import { backendOf, type ServiceView } from './backends.ts';
import type { CertificateView } from './certificates.ts';
import type { HostPattern, PathPattern, ProxyModel, Route, ServedCertificate, Target } from './model.ts';
import { byPrecedence } from './precedence.ts';

/** What Ingresses speak of. */
export type IngressView = ServiceView & CertificateView;

/** What an Ingress asks for and cannot have. */
export interface IngressProblem {
  ingress: Ingress;
  message: string;
}

/**
 * All Ingresses in one proxy, on ports 80 and 443: HTTP and, where there are certificates, HTTPS serve the same. The oldest
 * comes first: of two that ask for the same host and path it has them.
 */
export function ingressModel(ingresses: readonly Ingress[], view: IngressView) {
  const problems: IngressProblem[] = [];
  const oldestFirst = [...ingresses].sort((a, b) => (ageOf(a) < ageOf(b) ? -1 : 1));
  const parts = oldestFirst.map((ingress) => {
    const onProblem = (message: string) => problems.push({ ingress, message });
    return { routes: routesOf(ingress, view, onProblem), certificates: certificatesOf(ingress, view, onProblem) };
  });
  const routes = byPrecedence(parts.flatMap((part) => part.routes));
  const certificates = parts.flatMap((part) => part.certificates);
  const tls = certificates.length > 0 ? [{ port: 443, certificates, routes }] : [];
  const model: ProxyModel = { ports: [{ port: 80, routes }, ...tls] };
  return { model, problems };
}

const ageOf = ({ metadata }: Ingress): string => `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`;

function routesOf(ingress: Ingress, view: IngressView, onProblem: (message: string) => void): Route[] {
  const target = (backend: IngressBackend) =>
    targetOf(backend, { view, namespace: ingress.metadata.namespace, onProblem });
  const { defaultBackend, rules = [] } = ingress.spec;
  const fallback: Route[] = defaultBackend ? [{ match: {}, target: target(defaultBackend) }] : [];
  const ruled = rules.flatMap(({ host, http }): Route[] => {
    // A host without paths is one for the default backend (IngressRule.http).
    if (!http) return host && defaultBackend ? [{ host: hostOf(host), match: {}, target: target(defaultBackend) }] : [];
    return http.paths.map((path) => ({
      host: host ? hostOf(host) : undefined,
      match: { path: pathOf(path) },
      target: target(path.backend),
    }));
  });
  return [...ruled, ...fallback];
}

/** `*.` stands for one label (IngressRule.host). */
function hostOf(host: string): HostPattern {
  const name = host.toLowerCase();
  return name.startsWith('*.') ? { name: name.slice(2), before: 'label' } : { name, before: 'nothing' };
}

/** What is left to the implementation is a prefix here. */
const pathOf = ({ path = '/', pathType }: HTTPIngressPath): PathPattern => ({
  type: pathType === 'Exact' ? 'Exact' : 'Prefix',
  value: path,
});

interface TargetDeps {
  view: ServiceView;
  namespace: string | undefined;
  onProblem(message: string): void;
}

function targetOf({ service }: IngressBackend, { view, namespace = '', onProblem }: TargetDeps): Target {
  const failing = { weight: 1, status: 503 as const };
  const refuse = (message: string): Target => {
    onProblem(message);
    return { failing };
  };
  if (!service) return refuse('a backend that is no service is not supported');
  const backend = backendOf(view, { namespace, name: service.name }, service.port ?? {});
  if ('problem' in backend) return refuse(backend.problem);
  return { servers: backend.servers.map((server) => ({ ...server, weight: 1 })), failing: { ...failing, weight: 0 } };
}

function certificatesOf(
  ingress: Ingress,
  view: IngressView,
  onProblem: (message: string) => void,
): ServedCertificate[] {
  const { namespace = '' } = ingress.metadata;
  return (ingress.spec.tls ?? []).flatMap(({ hosts = [], secretName }) => {
    if (!secretName) return [];
    const pair = view.certificate({ namespace, name: secretName });
    if ('pem' in pair) return [{ names: hosts.map((host) => host.toLowerCase()), pem: pair.pem }];
    onProblem(pair.problem);
    return [];
  });
}
