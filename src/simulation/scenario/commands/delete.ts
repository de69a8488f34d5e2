import { keyOf } from '../../../api/resource.ts';
import type { ScenarioCommand } from '../command.ts';
import { resourceNamed } from '../resources.ts';

export const deleteObject: ScenarioCommand = {
  name: 'delete',
  usage: 'delete RESOURCE NAME|all [grace=SECONDS] [propagation=Foreground|Background|Orphan]',
  async run({ client }, { words: [what = '', name = ''], options }) {
    const resource = resourceNamed(what);
    const namespace = resource.namespaced ? 'default' : undefined;
    const keys = name === 'all' ? (await client.list(resource, { namespace })).items.map(keyOf) : [{ namespace, name }];
    const { grace, propagation } = options;
    for (const key of keys) {
      await client.delete(resource, key, {
        ...(grace === undefined ? {} : { gracePeriodSeconds: Number(grace) }),
        ...(propagation ? { propagationPolicy: propagation } : {}),
      });
    }
  },
};
