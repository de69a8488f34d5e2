import { events as eventResource } from '../../../api/generated/resources.ts';
import type { ScenarioCommand } from '../command.ts';

export const events: ScenarioCommand = {
  name: 'events',
  usage: 'events [NAME-PREFIX]: what was said about objects in default, the oldest first',
  async run({ client }, { words: [prefix = ''] }) {
    const { items } = await client.list(eventResource, { namespace: 'default' });
    const about = items.filter(({ involvedObject: { name = '' } }) => name.startsWith(prefix));
    const lines = about
      .toSorted((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
      .map(({ type, reason, message, involvedObject, count = 1 }) => {
        const times = count > 1 ? ` (×${count})` : '';
        return `${type} ${reason} ${involvedObject.kind}/${involvedObject.name}: ${message}${times}`;
      });
    return lines.length > 0 ? lines : ['none'];
  },
};
