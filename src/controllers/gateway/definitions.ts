import { customresourcedefinitions } from '../../api/generated/resources.ts';
import type { CustomResourceDefinition } from '../../api/generated/types.ts';
import type { Manifest } from '../../api/resource.ts';
import { gatewayDefinitions, revisionOf } from '../../ingress/gateway/definitions.ts';
import { gatewayControllerName } from '../../ingress/gateway/status.ts';
import { gatewayclasses, gatewayGroup } from '../../ingress/gateway/types.ts';
import { isAlreadyExists } from '../../api/meta/status-error.ts';
import { customResourceOf } from '../custom-resource.ts';
import { defineController, done, watch } from '../runtime.ts';

const key = 'definitions';
const className = 'knarr';

/**
 * The definitions of Gateway API are there, and with them the class that is served here. What somebody else has installed, older or newer,
 * is his: then nothing is changed.
 */
export const gatewayDefinitionsUpkeep = defineController({
  name: 'gateway.definitions',
  serviceAccount: 'ingress-controller',
  workers: 1,
  setup(context) {
    const all = context.informer(customresourcedefinitions);
    // While there is none, no watch tells of it.
    context.enqueue(key);
    return {
      watches: [watch(all, ({ spec }) => (spec.group === gatewayGroup ? [key] : []))],
      async reconcile(_, client) {
        for (const wanted of gatewayDefinitions) {
          const present = all.get({ name: wanted.metadata.name ?? '' });
          if (!present) await client.create(customresourcedefinitions, wanted);
          else if (isOlder(present, wanted)) await client.update(customresourcedefinitions, renewed(present, wanted));
        }
        const definition = all.get({ name: `${gatewayclasses.resource}.${gatewayGroup}` });
        const resource = definition && customResourceOf(definition);
        if (!resource) return done;
        const spec = { controllerName: gatewayControllerName };
        await client.create(resource, { metadata: { name: className }, spec } as never).catch((error: unknown) => {
          if (!isAlreadyExists(error)) throw error;
        });
        return done;
      },
    };
  },
});

const isOlder = (present: CustomResourceDefinition, wanted: Manifest<CustomResourceDefinition>): boolean => {
  const revision = revisionOf(present);
  return revision !== undefined && revision < (revisionOf(wanted as CustomResourceDefinition) ?? 0);
};

const renewed = (present: CustomResourceDefinition, wanted: Manifest<CustomResourceDefinition>) =>
  ({
    ...present,
    metadata: {
      ...present.metadata,
      annotations: { ...present.metadata.annotations, ...wanted.metadata.annotations },
    },
    spec: wanted.spec,
  }) as CustomResourceDefinition;
