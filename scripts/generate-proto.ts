/** Renders protobuf packages of the facts as a protobufjs descriptor and TypeScript interfaces. */

interface ProtoField {
  type: string;
  id: number;
  rule?: 'repeated';
  keyType?: string;
}
interface ProtoNode {
  nested?: Record<string, ProtoNode>;
  fields?: Record<string, ProtoField>;
  values?: Record<string, number>;
  methods?: Record<string, { requestType: string; responseType: string; responseStream?: boolean }>;
}

const scalars: Record<string, string> = {
  string: 'string',
  bool: 'boolean',
  bytes: 'Uint8Array',
  int32: 'number',
  uint32: 'number',
  int64: 'number',
  uint64: 'number',
  double: 'number',
  float: 'number',
};
const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());

function messageText(name: string, node: ProtoNode): string {
  if (node.values)
    return `export type ${name} = ${Object.keys(node.values)
      .map((v) => `'${v}'`)
      .join(' | ')};\n`;
  const fields = Object.entries(node.fields ?? {}).map(([field, f]) => {
    const base = scalars[f.type] ?? lastPart(f.type);
    const text = f.keyType ? `Record<string, ${base}>` : f.rule === 'repeated' ? `${base}[]` : base;
    return `  ${camel(field)}?: ${text};\n`;
  });
  return `export interface ${name} {\n${fields.join('')}}\n`;
}

/** What to render: whole packages, or of them only what some services speak. */
export interface ProtoSelection {
  /** `runtime.v1`. */
  packages: string[];
  services?: string[];
  /** Name of the exported descriptor. */
  descriptor: string;
}

type Entry = [name: string, node: ProtoNode];

const packageOf = (root: ProtoNode, name: string): ProtoNode => {
  const node = name.split('.').reduce<ProtoNode | undefined>((at, part) => at?.nested?.[part], root);
  if (!node?.nested) throw new Error(`proto.json has no package ${name}`);
  return node;
};

/** Enum values are strings and 64-bit integers numbers in the TypeScript form. */
export function renderProto(root: ProtoNode, { packages, services, descriptor }: ProtoSelection): string {
  const chosen = packages.map((name): [string, Entry[]] => {
    const entries = Object.entries(packageOf(root, name).nested ?? {});
    return [name, services ? entries.filter(([entry]) => spoken(root, packages, services).has(entry)) : entries];
  });
  const entries = chosen.flatMap(([, list]) => list);
  const messages = entries.filter(([, node]) => !node.methods).flatMap(withNested);
  const tree: ProtoNode = {};
  for (const [name, list] of chosen) insert(tree, name.split('.'), Object.fromEntries(list));
  const texts = [
    ...entries.filter(([, node]) => node.methods).map(([name, node]) => serviceText(name, node)),
    ...messages.map(([name, node]) => messageText(name, node)),
  ];
  const what = packages.length > 1 ? 'packages' : 'package';
  return `${texts.join('\n')}\n/** protobufjs JSON descriptor of ${what} ${packages.join(', ')}. */\nexport const ${descriptor}: Record<string, unknown> = JSON.parse(${JSON.stringify(JSON.stringify(tree))});\n`;
}

function insert(tree: ProtoNode, path: string[], nested: Record<string, ProtoNode>): void {
  const [first = '', ...rest] = path;
  tree.nested ??= {};
  const child = (tree.nested[first] ??= {});
  if (rest.length > 0) insert(child, rest, nested);
  else child.nested = nested;
}

/** The names of the services and of every message that they send or answer with. */
function spoken(root: ProtoNode, packages: string[], services: string[]): Set<string> {
  const all = new Map(packages.flatMap((name) => Object.entries(packageOf(root, name).nested ?? {})));
  const seen = new Set<string>();
  const visit = (type: string): void => {
    const name = lastPart(type);
    const node = all.get(name);
    if (!node || seen.has(name)) return;
    seen.add(name);
    for (const method of Object.values(node.methods ?? {})) [method.requestType, method.responseType].forEach(visit);
    for (const [, inner] of withNested([name, node])) for (const f of Object.values(inner.fields ?? {})) visit(f.type);
  };
  services.forEach(visit);
  return seen;
}

const lastPart = (type: string): string => type.split('.').at(-1) as string;

/** A message and the messages and enums declared inside it, side by side. */
function withNested([name, node]: Entry): Entry[] {
  return [[name, node], ...Object.entries(node.nested ?? {}).flatMap(withNested)];
}

function serviceText(name: string, node: ProtoNode): string {
  const methods = Object.entries(node.methods ?? {})
    .filter(([, m]) => !m.responseStream)
    .map(([method, m]) => `  ${method}(request: ${lastPart(m.requestType)}): Promise<${lastPart(m.responseType)}>;\n`);
  return `export interface ${name} {\n${methods.join('')}}\n`;
}
