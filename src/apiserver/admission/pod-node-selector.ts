import { namespaces } from '../../api/generated/resources.ts';
import type { Pod } from '../../api/generated/types.ts';
import { notFound } from '../../api/meta/status-error.ts';
import { type AdmissionContext, type AdmissionPlugin, definePlugin, refused } from './plugin.ts';

type Labels = Record<string, string>;

/** `podNodeSelectorPluginConfig`: a selector for namespaces that have none, and what pods of a namespace may ask for. */
export type PodNodeSelectorConfig = Record<string, string>;

const annotation = 'scheduler.alpha.kubernetes.io/node-selector';
const forAll = 'clusterDefaultNodeSelector';

/** Pods go to the nodes of their namespace. Throws an Error for a configuration that is none. */
export function podNodeSelector(configuration: unknown): AdmissionPlugin {
  const { podNodeSelectorPluginConfig } = (configuration ?? {}) as {
    podNodeSelectorPluginConfig?: PodNodeSelectorConfig;
  };
  const config = Object.fromEntries(
    Object.entries(podNodeSelectorPluginConfig ?? {}).map(([name, text]) => [name, parseLabels(text)]),
  );
  const ofNamespace = (context: AdmissionContext): Labels => {
    const namespace = context.read.get(namespaces, '', context.namespace);
    if (!namespace) throw notFound(namespaces, context.namespace);
    const text = namespace.metadata.annotations?.[annotation];
    if (text === undefined) return config[forAll] ?? {};
    try {
      return parseLabels(text);
    } catch (error) {
      throw refused(context, error instanceof Error ? error.message : String(error));
    }
  };
  return definePlugin<Pod>({
    name: 'PodNodeSelector',
    verbs: ['create'],
    resources: ['pods'],
    admit(context) {
      const { spec } = context.object as Pod;
      const wanted = ofNamespace(context);
      if (conflicts(wanted, spec.nodeSelector ?? {}))
        throw refused(context, 'pod node label selector conflicts with its namespace node label selector');
      if (Object.keys(wanted).length > 0) spec.nodeSelector = { ...wanted, ...spec.nodeSelector };
    },
    validate(context) {
      const { nodeSelector = {} } = (context.object as Pod).spec;
      if (conflicts(ofNamespace(context), nodeSelector))
        throw refused(context, 'pod node label selector conflicts with its namespace node label selector');
      const allowed = config[context.namespace];
      if (allowed && !Object.entries(nodeSelector).every(([key, value]) => allowed[key] === value))
        throw refused(context, 'pod node label selector labels conflict with its namespace whitelist');
    },
  });
}

/** Both name a label, and not the same value. */
const conflicts = (a: Labels, b: Labels): boolean =>
  Object.entries(a).some(([key, value]) => b[key] !== undefined && b[key] !== value);

/** `a=1,b=2`. Throws an Error for what is none. */
function parseLabels(text: string): Labels {
  const parts = text.split(',').map((part) => part.trim());
  return Object.fromEntries(
    parts
      .filter((part) => part !== '')
      .map((part) => {
        const [key = '', value, ...more] = part.split('=');
        if (value === undefined || more.length > 0) throw new Error(`invalid selector: [${part}]`);
        return [key.trim(), value.trim()];
      }),
  );
}
