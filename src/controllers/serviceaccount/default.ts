import { namespaces, serviceaccounts } from '../../api/generated/resources.ts';
import { isAlreadyExists } from '../../api/meta/status-error.ts';
import { isNamespaceGoing } from '../namespace-going.ts';
import { defineController, done, watch } from '../runtime.ts';

/** Every namespace has a service account `default`. */
export const serviceAccountDefault = defineController({
  name: 'serviceaccount.default',
  serviceAccount: 'service-account-controller',
  workers: 1,
  setup(context) {
    const all = context.informer(namespaces);
    const accounts = context.informer(serviceaccounts);
    return {
      watches: [
        watch(all, (ns) => [ns.metadata.name]),
        watch(accounts, (a) => (a.metadata.name === 'default' ? [a.metadata.namespace ?? ''] : [])),
      ],
      async reconcile(key, client) {
        const namespace = all.get(key);
        if (!namespace || namespace.metadata.deletionTimestamp || accounts.get(`${key}/default`)) return done;
        try {
          await client.create(serviceaccounts, { metadata: { name: 'default', namespace: key } });
        } catch (error) {
          if (!isAlreadyExists(error) && !isNamespaceGoing(error)) throw error;
        }
        return done;
      },
    };
  },
});
