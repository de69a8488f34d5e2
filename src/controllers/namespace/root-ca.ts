import { configmaps, namespaces } from '../../api/generated/resources.ts';
import { isAlreadyExists } from '../../api/meta/status-error.ts';
import { isNamespaceGoing } from '../namespace-going.ts';
import { type ControllerDefinition, defineController, done, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';

const name = 'kube-root-ca.crt';
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal ' +
  'service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

/** Puts the certificate of the cluster's authority (PEM) into every namespace. */
export const namespaceRootCa = (caPem: string): ControllerDefinition =>
  defineController({
    name: 'namespace.root-ca',
    serviceAccount: 'root-ca-cert-publisher',
    workers: 1,
    setup(context) {
      const all = context.informer(namespaces);
      const maps = context.informer(configmaps, { fieldSelector: `metadata.name=${name}` });
      const annotations = { 'kubernetes.io/description': description };
      const data = { 'ca.crt': caPem };
      return {
        watches: [watch(all, (ns) => [ns.metadata.name]), watch(maps, (map) => [map.metadata.namespace ?? ''])],
        async reconcile(key, client) {
          const namespace = all.get(key);
          if (!namespace || namespace.metadata.deletionTimestamp) return done;
          const map = maps.get(`${key}/${name}`);
          if (map) {
            if (sameJson(map.data, data)) return done;
            await client.update(configmaps, {
              ...map,
              metadata: { ...map.metadata, annotations: { ...map.metadata.annotations, ...annotations } },
              data,
            });
            return done;
          }
          try {
            await client.create(configmaps, { metadata: { name, namespace: key, annotations }, data });
          } catch (error) {
            if (!isAlreadyExists(error) && !isNamespaceGoing(error)) throw error;
          }
          return done;
        },
      };
    },
  });
