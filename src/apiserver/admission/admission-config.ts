import { parse } from 'yaml';

/** What an AdmissionConfiguration says, by plugin. */
export type PluginConfigurations = Readonly<Record<string, unknown>>;

interface AdmissionConfiguration {
  apiVersion?: string;
  kind?: string;
  plugins?: { name?: string; path?: string; configuration?: unknown }[];
}

/** Those that have something to be told. */
const configurable = [
  'EventRateLimit',
  'ImagePolicyWebhook',
  'PodNodeSelector',
  'PodSecurity',
  'PodTolerationRestriction',
];

/**
 * Reads an AdmissionConfiguration (apiserver.config.k8s.io/v1); `readFile` gives the text of a file that it names. Throws an Error for
 * what is wrong, and for plugins that there is nothing to tell.
 */
export function parseAdmissionConfig(text: string, readFile: (path: string) => string): PluginConfigurations {
  const config = parse(text) as AdmissionConfiguration | null;
  if (config?.apiVersion !== 'apiserver.config.k8s.io/v1' || config.kind !== 'AdmissionConfiguration')
    throw new Error('it is no AdmissionConfiguration of apiserver.config.k8s.io/v1');
  return Object.fromEntries(
    (config.plugins ?? []).map(({ name = '', path, configuration }) => {
      if (!configurable.includes(name)) {
        const names = configurable.map((one) => JSON.stringify(one)).join(', ');
        throw new Error(`plugins: Unsupported value: ${JSON.stringify(name)}: supported values: ${names}`);
      }
      return [name, configuration ?? (path ? parse(readFile(path)) : undefined)];
    }),
  );
}
