import { configmaps, secrets } from '../../api/generated/resources.ts';
import { joinTokenSecretType } from '../../pki/join-token.ts';
import { defineController, done, requeueAfter, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { expiryOf, signedData } from './signatures.ts';

const clusterInfo = 'kube-public/cluster-info';

/**
 * Signs the public facts of the cluster (ConfigMap `cluster-info`) with every token for joining that may sign: a machine that
 * knows one can tell that it talks to the right cluster, as `kubeadm join` does.
 */
export const bootstrapTokenSigner = defineController({
  name: 'bootstraptoken.signer',
  serviceAccount: 'bootstrap-signer',
  workers: 1,
  setup(context) {
    const tokens = context.informer(secrets, {
      namespace: 'kube-system',
      fieldSelector: `type=${joinTokenSecretType}`,
    });
    const published = context.informer(configmaps, {
      namespace: 'kube-public',
      fieldSelector: 'metadata.name=cluster-info',
    });
    return {
      watches: [watch(published, () => [clusterInfo]), watch(tokens, () => [clusterInfo])],
      async reconcile(key, client) {
        const map = published.get(key);
        if (!map) return done;
        const all = tokens.list();
        const nowMs = context.clock.now();
        const data = signedData(map.data ?? {}, all, nowMs);
        if (!sameJson(map.data ?? {}, data)) await client.update(configmaps, { ...map, data });
        const ends = all.flatMap((secret) => expiryOf(secret) ?? []).filter((ms) => ms > nowMs);
        return ends.length > 0 ? requeueAfter(Math.min(...ends) - nowMs) : done;
      },
    };
  },
});
