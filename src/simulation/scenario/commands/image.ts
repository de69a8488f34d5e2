import { deployments } from '../../../api/generated/resources.ts';
import type { ScenarioCommand } from '../command.ts';

export const image: ScenarioCommand = {
  name: 'image',
  usage: 'image NAME IMAGE: gives a Deployment another image',
  async run({ client }, { words: [name = '', to = ''] }) {
    const body = { spec: { template: { spec: { containers: [{ name: 'main', image: to }] } } } };
    await client.patch(deployments, { namespace: 'default', name }, { type: 'strategic', body });
  },
};
