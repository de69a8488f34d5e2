/** A family of figures in Prometheus' text format, read at a time of its own. */
export interface Family {
  name: string;
  help: string;
  type: 'counter' | 'gauge';
  samples: FamilySample[];
}

export interface FamilySample {
  labels: Readonly<Record<string, string>>;
  value: number;
  /** When it was true. */
  atMs?: number;
}

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function line(name: string, { labels, value, atMs }: FamilySample): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
  const shown = pairs.length > 0 ? `${name}{${pairs.join(',')}}` : name;
  return atMs === undefined ? `${shown} ${value}` : `${shown} ${value} ${atMs}`;
}

/** Families without samples are left out, as upstream leaves them out. */
export const exposition = (families: readonly Family[]): string =>
  families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, type, samples }) =>
      [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map((sample) => line(name, sample)), ''].join(
        '\n',
      ),
    )
    .join('');
