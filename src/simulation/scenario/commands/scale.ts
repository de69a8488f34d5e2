import { deployments } from '../../../api/generated/resources.ts';
import type { ScenarioCommand } from '../command.ts';

export const scale: ScenarioCommand = {
  name: 'scale',
  usage: 'scale NAME REPLICAS: of a Deployment',
  async run({ client }, { words: [name = '', replicas = ''] }) {
    const body = { spec: { replicas: Number(replicas) } };
    await client.patch(deployments, { namespace: 'default', name }, { type: 'merge', body });
  },
};
