import { kindOf, strategies } from '../../../api/kinds.ts';
import { groupResource } from '../../../api/resource.ts';
import type { ScenarioCommand } from '../command.ts';
import { resourceNamed } from '../resources.ts';

/** Ages say little and change with every step before. */
const hidden = new Set(['Age', 'Version']);

export const show: ScenarioCommand = {
  name: 'show',
  usage: 'show RESOURCE [namespace=default] [columns=more]: the table that kubectl prints, without ages',
  async run({ world, client }, { words: [what = ''], options: { namespace = 'default', columns } }) {
    const resource = resourceNamed(what);
    const strategy = strategies[groupResource(resource)];
    const all = kindOf(resource.group, resource.resource)?.columns ?? [];
    const { items } = await client.list(resource, resource.namespaced ? { namespace } : {});
    const shown = all
      .map((column, i) => ({ ...column, i }))
      .filter(({ name, priority }) => !hidden.has(name) && (!priority || columns));
    const rows = items.map((item) => {
      const cells = strategy?.cells?.(item, world.clock.now()) ?? [item.metadata.name];
      return shown.map(({ i }) => String(cells[i] ?? ''));
    });
    return rows.length === 0 ? ['none'] : aligned([shown.map(({ name }) => name.toUpperCase()), ...rows]);
  },
};

function aligned(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
