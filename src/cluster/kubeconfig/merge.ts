import { type Document, isMap, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';

/** One context of a kubeconfig, with cluster and user of the same name. Certificates and keys are base64. */
export interface ContextEntry {
  name: string;
  server: string;
  caData: string;
  certificateData: string;
  keyData: string;
}

/** The file is not a kubeconfig, or one that cannot be read: it is left alone. */
export class NotAKubeconfigError extends Error {
  constructor(why: string) {
    super(`not a kubeconfig: ${why}`);
    this.name = 'NotAKubeconfigError';
  }
}

const lists = ['clusters', 'contexts', 'users'] as const;
type List = (typeof lists)[number];

/**
 * The text of a kubeconfig with the context in it; comments, order and whatever others have written stay. A context that is
 * new becomes the current one, as with kind; one that is there keeps its namespace. The same text when nothing changes.
 */
export function mergeContext(text: string, entry: ContextEntry): string {
  const document = read(text);
  const before = JSON.stringify(document.toJS());
  for (const key of ['apiVersion', 'kind'] as const) {
    if (!document.has(key)) document.set(key, key === 'kind' ? 'Config' : 'v1');
  }
  const { name, server, caData, certificateData, keyData } = entry;
  const isNew = find(document, 'contexts', name) === undefined;
  amend(document, 'clusters', { name, field: 'cluster', values: { 'certificate-authority-data': caData, server } });
  amend(document, 'contexts', { name, field: 'context', values: { cluster: name, user: name } });
  const user = { 'client-certificate-data': certificateData, 'client-key-data': keyData };
  amend(document, 'users', { name, field: 'user', values: user });
  if (isNew || !document.get('current-context')) document.set('current-context', name);
  return JSON.stringify(document.toJS()) === before ? text : write(document, text);
}

export const hasContext = (text: string, name: string): boolean => find(read(text), 'contexts', name) !== undefined;

export function currentContext(text: string): string | undefined {
  const name = read(text).get('current-context');
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/**
 * The text without the context, its cluster and its user; undefined when nothing of anybody is left in it. `previous` becomes
 * the current context in its place, if it is still there.
 */
export function withoutContext(text: string, name: string, previous?: string): string | undefined {
  const document = read(text);
  let found = false;
  for (const list of lists) {
    const all = document.get(list);
    const item = find(document, list, name);
    if (!item || !isSeq(all)) continue;
    all.items.splice(all.items.indexOf(item), 1);
    found = true;
  }
  if (document.get('current-context') === name) {
    const isThere = previous !== undefined && find(document, 'contexts', previous) !== undefined;
    document.set('current-context', isThere ? previous : '');
    found = true;
  }
  if (lists.every((list) => sizeOf(document.get(list)) === 0)) return undefined;
  return found ? write(document, text) : text;
}

const sizeOf = (list: unknown): number => (isSeq(list) ? list.items.length : 0);

function read(text: string): Document {
  const document = parseDocument(text.trim() === '' ? '{}\n' : text) as Document;
  if (document.errors[0]) throw new NotAKubeconfigError(document.errors[0].message.split('\n')[0] ?? '');
  if (!isMap(document.contents)) throw new NotAKubeconfigError('it does not hold a map');
  if (text.trim() === '') document.contents.flow = false;
  for (const list of lists) {
    const value = document.get(list);
    if (value !== undefined && value !== null && !isSeq(value)) throw new NotAKubeconfigError(`${list} is not a list`);
  }
  return document;
}

/** kubectl does not indent lists; a file keeps the way it was written in. */
function write(document: Document, before: string): string {
  const indents = /^(clusters|contexts|users):\s*\n +- /m.test(before);
  return document.toString({ lineWidth: 0, indentSeq: indents, flowCollectionPadding: false });
}

function find(document: Document, list: List, name: string): YAMLMap | undefined {
  const all = document.get(list);
  if (!isSeq(all)) return undefined;
  return (all as YAMLSeq).items.find((item): item is YAMLMap => isMap(item) && item.get('name') === name);
}

/** Sets these values of the named item of a list, and leaves its others. */
function amend(
  document: Document,
  list: List,
  { name, field, values }: { name: string; field: string; values: Record<string, string> },
): void {
  const present = find(document, list, name);
  const map = present?.get(field);
  if (isMap(map)) {
    for (const [key, value] of Object.entries(values)) if (map.get(key) !== value) map.set(key, value);
    return;
  }
  if (present) {
    present.set(field, document.createNode(values));
    return;
  }
  if (!isSeq(document.get(list))) document.set(list, document.createNode([]));
  const all = document.get(list) as YAMLSeq;
  all.flow = false;
  all.items.push(document.createNode({ [field]: values, name }));
}
