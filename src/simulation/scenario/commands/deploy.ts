import { deployments } from '../../../api/generated/resources.ts';
import type { Deployment } from '../../../api/generated/types.ts';
import type { Manifest } from '../../../api/resource.ts';
import type { ScenarioCommand } from '../command.ts';
import { podTemplate } from '../pod-template.ts';

export const deploy: ScenarioCommand = {
  name: 'deploy',
  usage: 'deploy NAME [replicas=1] [image=app:1] [behaviour=…] [cpu=100m] [memory=…] [grace=30]: creates a Deployment',
  async run({ client }, { words: [name = ''], options }) {
    const manifest: Manifest<Deployment> = {
      metadata: { name, namespace: 'default' },
      spec: {
        replicas: Number(options.replicas ?? 1),
        selector: { matchLabels: { app: name } },
        template: podTemplate({ app: name }, options),
      },
    };
    await client.create(deployments, manifest);
  },
};
