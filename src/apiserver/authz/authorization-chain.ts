import type { AuthorizationConfig, AuthorizerConfig } from './authorization-config.ts';
import type { ChainLink, OwnLinks } from './authorizer.ts';
import type { WebhookServer } from '../webhook/kubeconfig.ts';
import { WebhookAuthorizer, type WebhookAuthorizerDeps } from './webhook-authorizer.ts';

/** The authorizers that a configuration names, in its order. `serverOf` reads the kubeconfig at a path; throws what is wrong with it. */
export const authorizationChain = (
  deps: WebhookAuthorizerDeps & { own: OwnLinks; serverOf: (path: string) => WebhookServer },
  { authorizers }: AuthorizationConfig,
): ChainLink[] => authorizers.map((config) => linkOf(deps, config));

function linkOf(
  deps: WebhookAuthorizerDeps & { own: OwnLinks; serverOf: (path: string) => WebhookServer },
  config: AuthorizerConfig,
): ChainLink {
  const { name } = config;
  switch (config.type) {
    case 'Node':
      return deps.own.node;
    case 'RBAC':
      return deps.own.rbac;
    case 'AlwaysAllow':
      return { name, allowsAll: true, authorize: () => ({ allowed: true, reason: '' }) };
    case 'AlwaysDeny':
      return { name, authorize: () => ({ allowed: false, reason: 'Everything is forbidden.' }) };
    case 'Webhook':
      return new WebhookAuthorizer(deps, {
        name,
        config: config.webhook,
        server: deps.serverOf(config.webhook.kubeConfigFile),
      });
  }
}
