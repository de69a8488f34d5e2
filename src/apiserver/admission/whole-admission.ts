import { readFileSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import type { Rng } from '../../base/rng.ts';
import type { Store } from '../../store/store.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { AdmissionMetrics } from '../metrics/admission.ts';
import type { ObjectCodec } from '../object-codec.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { Registry } from '../registry.ts';
import type { WebhookCaller } from '../webhook/webhook-caller.ts';
import { Admission } from './admission.ts';
import { extensionPlugins } from './extension-plugins.ts';
import { choiceOf, lastPlugins, type PluginDeps, type PluginOptions, pluginsWith } from './plugins.ts';
import { ParamReader } from './policy-params.ts';

/** What admission is made of in a server: the plugins of Kubernetes, and what configurations in the cluster add. */
export function wholeAdmission(
  deps: {
    read: ObjectReader;
    store: Store;
    objects: ObjectCodec;
    registry: Registry;
    authorizer: Authorizer;
    caller: WebhookCaller;
    clock: Clock;
    rng: Rng;
    metrics: AdmissionMetrics;
  },
  options: PluginOptions,
): Admission {
  const { registry, caller, rng, metrics } = deps;
  const resourceOf: PluginDeps['resourceOf'] = (apiVersion, kind) => {
    const slash = apiVersion.indexOf('/');
    return registry.ofKind(apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1), kind)?.kind;
  };
  const readFile = (path: string) => readFileSync(path, 'utf8');
  const params = new ParamReader(deps);
  const added = extensionPlugins({ caller, params, rng, metrics, runs: choiceOf(options) });
  return new Admission(
    { ...deps, versionsOf: (endpoint) => registry.versionsOf(endpoint) },
    { plugins: [...pluginsWith(options, { resourceOf, readFile }), ...added, ...lastPlugins(options)] },
  );
}
