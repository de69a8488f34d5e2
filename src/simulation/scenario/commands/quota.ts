import { resourcequotas } from '../../../api/generated/resources.ts';
import type { ScenarioCommand } from '../command.ts';

export const quota: ScenarioCommand = {
  name: 'quota',
  usage:
    'quota NAME [pods=…] [requests.cpu=…] [RESOURCE=…]: a ResourceQuota with these limits, in the place of one of that name',
  async run({ client }, { words: [name = ''], options }) {
    const body = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name, namespace: 'default' },
      spec: { hard: options },
    };
    const patch = { type: 'apply' as const, body };
    await client.patch(resourcequotas, { namespace: 'default', name }, patch, {
      fieldManager: 'scenario',
      force: true,
    });
  },
};
