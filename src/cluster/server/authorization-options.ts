import { readFileSync, statSync } from 'node:fs';
import { authorizationChain } from '../../apiserver/authz/authorization-chain.ts';
import { parseAuthorizationConfig } from '../../apiserver/authz/authorization-config.ts';
import type { Authorizer, ChainLink } from '../../apiserver/authz/authorizer.ts';
import { webhookAuthorizerMetrics } from '../../apiserver/authz/webhook-metrics.ts';
import { parseWebhookServer } from '../../apiserver/webhook/kubeconfig.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { ClusterLayout } from '../layout.ts';
import { followConfiguration } from './follow-files.ts';
import { fromServerFile, placeOf, type ServerFileFlags } from './server-files.ts';

const file = 'authorizationConfig';
const text = (path: string): string => readFileSync(path, 'utf8');
const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

interface At {
  layout: ClusterLayout;
  flags: ServerFileFlags;
}

/** Checks the file before anything is started. Rejects with an Error that names it and says what is wrong. */
export const checkAuthorization = (at: At): Promise<unknown> =>
  fromServerFile({ ...at, file }, (yaml) => parseAuthorizationConfig(yaml, isFile));

/**
 * Has a server ask the authorizers that the file names, and others when the file changes. A configuration that is wrong changes
 * nothing: at the start it rejects. The result ends it.
 */
export async function followAuthorization(
  deps: { clock: Clock; log: Logger; metrics: Metrics; authorizer: Authorizer },
  at: At,
): Promise<() => void> {
  const { authorizer } = deps;
  const metrics = webhookAuthorizerMetrics(deps.metrics);
  const usual: ChainLink[] = [authorizer.own.node, authorizer.own.rbac];
  const serverOf = (path: string) => parseWebhookServer(text(path), text);
  const configure = async () => {
    const config = await fromServerFile({ ...at, file }, (yaml) => parseAuthorizationConfig(yaml, isFile));
    authorizer.configure(
      config ? authorizationChain({ ...deps, metrics, own: authorizer.own, serverOf }, config) : usual,
    );
  };
  await configure();
  const path = placeOf(at.layout, at.flags, file);
  return followConfiguration(deps, { what: 'authorization', stability: 'ALPHA' }, { paths: [path], configure });
}
