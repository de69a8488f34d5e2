import type { FlowControl } from './flow-control.ts';
import type { PriorityLevel } from './priority-level.ts';

/** Cells as Go's tabwriter sets them: at least eight wide, a comma after each but the last. */
function table(rows: readonly (string | number | boolean)[][]): string {
  const cells = rows.map((row) => row.map((cell, i) => (i < row.length - 1 ? `${cell},` : String(cell))));
  const widths = (cells[0] ?? []).map((_, i) => Math.max(7, ...cells.map((row) => row[i]?.length ?? 0)) + 1);
  const line = (row: string[]) =>
    row.map((cell, i) => (i < row.length - 1 ? cell.padEnd(widths[i] ?? 0) : cell)).join('');
  return `${cells.map(line).join('\n')}\n`;
}

const none = (count: number): string[] => Array.from({ length: count }, () => '<none>');

const levelRow = ({ name, queue }: PriorityLevel) =>
  queue
    ? [
        name,
        queue.queues.filter(({ waiting }) => waiting.length > 0).length,
        queue.executing + queue.waiting === 0,
        false,
        queue.waiting,
        queue.executing,
      ]
    : [name, ...none(5)];

const queueRows = ({ name, queue }: PriorityLevel) =>
  queue
    ? queue.queues.map(({ waiting, executing, seatsInUse, nextDispatch }, i) => {
        const seats = waiting.reduce((sum, entry) => sum + entry.seats, 0);
        return [name, i, waiting.length, executing, seatsInUse, `${nextDispatch.toFixed(3)}ms`, seats, seats];
      })
    : [[name, ...none(7)]];

const dumps: Record<
  string,
  { columns: string; rows(levels: readonly PriorityLevel[]): (string | number | boolean)[][] }
> = {
  dump_priority_levels: {
    columns: 'PriorityLevelName ActiveQueues IsIdle IsQuiescing WaitingRequests ExecutingRequests',
    rows: (levels) => levels.map(levelRow),
  },
  dump_queues: {
    columns:
      'PriorityLevelName Index PendingRequests ExecutingRequests SeatsInUse NextDispatchR InitialSeatsSum MaxSeatsSum',
    rows: (levels) => levels.flatMap(queueRows),
  },
};

export const dumpPrefix = '/debug/api_priority_and_fairness/';

/** What stands in the queues now, as text; undefined for a path that is none of upstream's debug pages. */
export function dumpOf({ levels }: FlowControl, path: string): string | undefined {
  const dump = path.startsWith(dumpPrefix) ? dumps[path.slice(dumpPrefix.length)] : undefined;
  return dump && table([dump.columns.split(' '), ...dump.rows(levels)]);
}
