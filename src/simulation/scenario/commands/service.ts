import { services } from '../../../api/generated/resources.ts';
import type { ScenarioCommand } from '../command.ts';

export const service: ScenarioCommand = {
  name: 'service',
  usage: 'service NAME: a Service for the pods of the Deployment of that name',
  async run({ client }, { words: [name = ''] }) {
    const spec = { selector: { app: name }, ports: [{ port: 80 }] };
    await client.create(services, { metadata: { name, namespace: 'default' }, spec });
  },
};
