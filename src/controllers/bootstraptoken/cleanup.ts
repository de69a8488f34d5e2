import { secrets } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import { joinTokenSecretType } from '../../pki/join-token.ts';
import { defineController, done, requeueAfter, watch } from '../runtime.ts';
import { expiryOf } from './signatures.ts';

/** Deletes tokens for joining when their time is over. */
export const bootstrapTokenCleanup = defineController({
  name: 'bootstraptoken.cleanup',
  serviceAccount: 'token-cleaner',
  setup(context) {
    const all = context.informer(secrets, { namespace: 'kube-system', fieldSelector: `type=${joinTokenSecretType}` });
    return {
      watches: [watch(all, (secret) => [keyText(keyOf(secret))])],
      async reconcile(key, client) {
        const secret = all.get(key);
        const endMs = secret && expiryOf(secret);
        if (!secret || endMs === undefined) return done;
        const leftMs = endMs - context.clock.now();
        if (leftMs > 0) return requeueAfter(leftMs);
        try {
          await client.delete(secrets, keyOf(secret), { preconditions: { uid: secret.metadata.uid } });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return done;
      },
    };
  },
});
