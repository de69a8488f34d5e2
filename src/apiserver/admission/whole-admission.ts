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
import { pluginsWith } from './plugins.ts';
import type { PodSecurityOptions } from './pod-security/pod-security.ts';
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
  options: { podSecurity?: PodSecurityOptions },
): Admission {
  const { registry, caller, rng, metrics } = deps;
  const added = extensionPlugins({ caller, params: new ParamReader(deps), rng, metrics });
  return new Admission(
    { ...deps, versionsOf: (endpoint) => registry.versionsOf(endpoint) },
    { plugins: [...pluginsWith(options), ...added] },
  );
}
