import { jobs } from '../../../api/generated/resources.ts';
import type { Job } from '../../../api/generated/types.ts';
import type { Manifest } from '../../../api/resource.ts';
import type { ScenarioCommand } from '../command.ts';
import { podTemplate } from '../pod-template.ts';

export const job: ScenarioCommand = {
  name: 'job',
  usage:
    'job NAME [completions=1] [parallelism=1] [mode=Indexed] [backoff=6] [ttl=…] [image=…] [behaviour=…] [cpu=…]: creates a Job',
  async run({ client }, { words: [name = ''], options }) {
    const { completions = '1', parallelism = '1', mode, backoff, ttl } = options;
    const manifest = {
      metadata: { name, namespace: 'default' },
      spec: {
        completions: Number(completions),
        parallelism: Number(parallelism),
        ...(mode ? { completionMode: mode } : {}),
        ...(backoff ? { backoffLimit: Number(backoff) } : {}),
        ...(ttl ? { ttlSecondsAfterFinished: Number(ttl) } : {}),
        template: podTemplate({ app: name }, { restart: 'Never', ...options }),
      },
    };
    await client.create(jobs, manifest as unknown as Manifest<Job>);
  },
};
