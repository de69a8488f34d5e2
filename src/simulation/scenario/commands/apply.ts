import { parseAllDocuments } from 'yaml';
import { type KubeObject, keyOf } from '../../../api/resource.ts';
import type { ScenarioCommand } from '../command.ts';
import { resourceOfKind } from '../resources.ts';

export const apply: ScenarioCommand = {
  name: 'apply',
  usage: 'apply, and indented below it YAML: server-side apply of each document',
  async run({ client }, { body }) {
    for (const document of parseAllDocuments(dedent(body).replaceAll(/^---$/gm, '---'))) {
      const object = document.toJS() as KubeObject;
      const resource = resourceOfKind(object.apiVersion ?? '', object.kind ?? '');
      if (resource.namespaced) object.metadata.namespace ??= 'default';
      const patch = { type: 'apply' as const, body: object };
      await client.patch(resource, keyOf(object), patch, { fieldManager: 'scenario', force: true });
    }
  },
};

function dedent(text: string): string {
  const lines = text.split('\n');
  const depth = Math.min(...lines.map((line) => line.length - line.trimStart().length));
  return lines.map((line) => line.slice(depth)).join('\n');
}
