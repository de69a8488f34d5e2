/** Renders the container runtime's messages (CRI runtime.v1) as a protobufjs descriptor and TypeScript interfaces. */

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
    const base = scalars[f.type] ?? (f.type.split('.').at(-1) as string);
    const text = f.keyType ? `Record<string, ${base}>` : f.rule === 'repeated' ? `${base}[]` : base;
    return `  ${camel(field)}?: ${text};\n`;
  });
  return `export interface ${name} {\n${fields.join('')}}\n`;
}

/** `runtime.v1` of the descriptor; enum values are strings and 64-bit integers numbers in the TypeScript form. */
export function renderCri(root: ProtoNode): string {
  const v1 = root.nested?.runtime?.nested?.v1;
  if (!v1?.nested) throw new Error('proto.json has no package runtime.v1');
  const entries = Object.entries(v1.nested);
  const messages = entries.filter(([, node]) => !node.methods).flatMap(withNested);
  const descriptor = { nested: { runtime: { nested: { v1 } } } };
  const services = entries.filter(([, node]) => node.methods);
  return `${services.map(([name, node]) => serviceText(name, node)).join('\n')}\n${messages.map(([n, node]) => messageText(n, node)).join('\n')}\n/** protobufjs JSON descriptor of package runtime.v1. */\nexport const criDescriptor: Record<string, unknown> = JSON.parse(${JSON.stringify(JSON.stringify(descriptor))});\n`;
}

/** A message and the messages and enums declared inside it, side by side. */
function withNested([name, node]: [string, ProtoNode]): [string, ProtoNode][] {
  return [[name, node], ...Object.entries(node.nested ?? {}).flatMap(withNested)];
}

function serviceText(name: string, node: ProtoNode): string {
  const short = (type: string) => type.split('.').at(-1) as string;
  const methods = Object.entries(node.methods ?? {})
    .filter(([, m]) => !m.responseStream)
    .map(([method, m]) => `  ${method}(request: ${short(m.requestType)}): Promise<${short(m.responseType)}>;\n`);
  return `export interface ${name} {\n${methods.join('')}}\n`;
}
