import { durationMs } from '../../base/duration.ts';
import { ConfigurationError, invalid, rejectUnknown, required } from '../configuration-error.ts';

/** How an extender is known: files by their names, or their base64 texts. */
export interface ExtenderTls {
  readonly insecure?: boolean;
  readonly serverName?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly caFile?: string;
  readonly certData?: string;
  readonly keyData?: string;
  readonly caData?: string;
}

/** A program that has a say in scheduling and is asked over HTTP (KEP-1819). A verb that it does not have is absent. */
export interface ExtenderConfig {
  readonly urlPrefix: string;
  readonly filterVerb?: string;
  readonly prioritizeVerb?: string;
  readonly preemptVerb?: string;
  readonly bindVerb?: string;
  /** Of its scores. */
  readonly weight: number;
  readonly enableHTTPS: boolean;
  readonly tlsConfig: ExtenderTls;
  readonly timeoutMs: number;
  /** It knows the nodes: their names are enough for it. */
  readonly nodeCacheCapable: boolean;
  /** Only pods that ask for one of these concern it; empty: all do. */
  readonly managedResources: ReadonlySet<string>;
  /** Scheduling goes on without it when it does not answer. */
  readonly ignorable: boolean;
}

interface ManagedResource {
  name?: string;
  ignoredByScheduler?: boolean;
}

type ExtenderText = Partial<Omit<ExtenderConfig, 'timeoutMs' | 'managedResources'>> & {
  httpTimeout?: string;
  managedResources?: readonly ManagedResource[];
};

const defaultTimeout = '5s';
const fields = [
  'urlPrefix',
  'filterVerb',
  'preemptVerb',
  'prioritizeVerb',
  'weight',
  'bindVerb',
  'enableHTTPS',
  'tlsConfig',
  'httpTimeout',
  'nodeCacheCapable',
  'managedResources',
  'ignorable',
];

/** The extenders of a file, and the resources whose amounts are theirs alone to count. Throws `ConfigurationError`. */
export function readExtenders(texts: readonly object[] = []): { extenders: ExtenderConfig[]; ignored: string[] } {
  const extenders = texts.map((text, i) => readExtender(`extenders[${i}]`, text as ExtenderText));
  const binders = extenders.filter(({ bindVerb }) => bindVerb).length;
  if (binders > 1)
    throw invalid('extenders', `found ${binders} extenders implementing bind`, 'only one extender can implement bind');
  const managed = texts.flatMap((text) => (text as ExtenderText).managedResources ?? []);
  const ignored = managed.flatMap(({ name, ignoredByScheduler }) => (name && ignoredByScheduler ? [name] : []));
  return { extenders, ignored };
}

function readExtender(field: string, text: ExtenderText): ExtenderConfig {
  rejectUnknown(`${field}.`, text, fields);
  const { httpTimeout = defaultTimeout, managedResources = [], weight = 0, urlPrefix = '', ...verbs } = text;
  if (!URL.canParse(urlPrefix)) throw required(`${field}.urlPrefix`, 'an http or https URL');
  if (verbs.prioritizeVerb && weight <= 0)
    throw invalid(`${field}.weight`, weight, 'must have a positive weight applied to it');
  return {
    ...verbs,
    ...{ urlPrefix, weight, timeoutMs: timeoutOf(`${field}.httpTimeout`, httpTimeout) },
    managedResources: namesOf(`${field}.managedResources`, managedResources),
    enableHTTPS: text.enableHTTPS ?? false,
    nodeCacheCapable: text.nodeCacheCapable ?? false,
    ignorable: text.ignorable ?? false,
    tlsConfig: text.tlsConfig ?? {},
  };
}

function timeoutOf(field: string, text: string): number {
  try {
    return durationMs(text);
  } catch (error) {
    throw invalid(field, text, (error as Error).message);
  }
}

function namesOf(field: string, resources: readonly ManagedResource[]): Set<string> {
  const names = new Set<string>();
  for (const [i, { name = '' }] of resources.entries()) {
    const at = `${field}[${i}].name`;
    if (!name.includes('/')) throw invalid(at, name, 'must be an extended resource name');
    if (names.has(name)) throw new ConfigurationError(`${at}: Duplicate value: "${name}"`);
    names.add(name);
  }
  return names;
}
