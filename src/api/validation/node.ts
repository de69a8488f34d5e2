import type { Node, NodeConfigSource, Taint } from '../generated/types.ts';
import { configMapKey, dns1123Label, dns1123Subdomain, labelValue, qualifiedName } from '../meta/name-format.ts';
import { goForm } from '../schema/go-form.ts';
import { cidr, familyOf, unknownBlock } from './address.ts';
import {
  at,
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  invalidValue,
  keyFormatted,
  oneOf,
  required,
  same,
} from './check.ts';
import { type Check, inner, members } from './members.ts';
import { resourceAmount } from './resources.ts';

const core = 'io.k8s.api.core.v1.';

function taints(list: Taint[] | undefined): FieldError[] {
  const seen = new Set<string>();
  return each(list, 'metadata.taints', (taint, p) => {
    const { key, value, effect } = taint;
    const errors = keyFormatted(child(p, 'key'), key, qualifiedName);
    const wrong = labelValue(value ?? '');
    if (wrong.length > 0) errors.push(invalidValue(child(p, 'value'), value, wrong.join(';')));
    if (!effect) errors.push(required(child(p, 'effect')));
    else errors.push(...oneOf(child(p, 'effect'), effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']));
    const id = `${key}:${effect}`;
    if (seen.has(id)) {
      const again = duplicate(p, goForm(`${core}Taint`, taint));
      errors.push({ ...again, message: `${again.message}: taints must be unique by key and effect pair` });
    }
    seen.add(id);
    return errors;
  });
}

const avoidKey = 'scheduler.alpha.kubernetes.io/preferAvoidPods';

/** Pods that a node would rather not have: an annotation from before taints. */
function avoidedPods(annotation: string | undefined): FieldError[] {
  if (!annotation) return [];
  const path = 'metadata.annotations';
  interface Avoid {
    preferAvoidPods?: { podSignature?: { podController?: { controller?: boolean } } }[];
  }
  let avoids: Avoid;
  try {
    avoids = JSON.parse(annotation) as Avoid;
  } catch (error) {
    return [invalidValue(child(path, 'AvoidPods'), avoidKey, error instanceof Error ? error.message : '')];
  }
  return each(avoids.preferAvoidPods, child(path, avoidKey), ({ podSignature }, p) => {
    const signature = child(p, 'PodSignature');
    const owner = podSignature?.podController;
    if (!owner) return [required(signature)];
    return owner.controller
      ? []
      : [invalidValue(child(signature, 'PodController.Controller'), false, 'must point to a controller')];
  });
}

const amounts = ({ status }: Node): FieldError[] =>
  (['capacity', 'allocatable'] as const).flatMap((list) =>
    Object.entries(status?.[list] ?? {}).flatMap(([name, amount]) =>
      resourceAmount(name, amount, child(child('status', list), name)),
    ),
  );

export function validateNode(node: Node): FieldError[] {
  const { spec, metadata } = node;
  const blocks = spec.podCIDRs ?? [];
  const errors = [
    ...avoidedPods(metadata.annotations?.[avoidKey]),
    ...taints(spec.taints),
    ...amounts(node),
    ...each(blocks, 'spec.podCIDRs', (block, p) => cidr(p, block)),
  ];
  if (blocks.length < 2) return errors;
  const unknown = unknownBlock(
    'spec.podCIDRs',
    blocks,
    'invalid PodCIDRs. failed to check with dual stack with error:',
  );
  errors.push(...unknown);
  if (unknown.length > 0 || new Set(blocks.map(familyOf)).size < 2 || blocks.length > 2)
    errors.push(invalidValue('spec.podCIDRs', blocks, 'may specify no more than one CIDR for each IP family'));
  return errors;
}

type ConfigMapSource = NonNullable<NodeConfigSource['configMap']>;

/** Deprecated and without effect; still checked. */
const configSource =
  (ofMap: Check<ConfigMapSource>): Check<NodeConfigSource> =>
  (source, path) =>
    source.configMap
      ? ofMap(source.configMap, child(path, 'configMap'))
      : [
          invalidValue(
            path,
            goForm(`${core}NodeConfigSource`, source),
            'exactly one reference subfield must be non-nil',
          ),
        ];

const set = (name: string, format: (value: string) => string[]) => (path: string, value: string) =>
  value ? keyFormatted(path, value, format) : [required(path, `${name} must be set`)];
const mapName = {
  namespace: set('namespace', dns1123Label),
  name: set('name', dns1123Subdomain),
  kubeletConfigKey: set('kubeletConfigKey', configMapKey),
};
const given = (name: string) => (path: string, value: string | undefined) =>
  value ? [forbidden(path, `${name} must not be set in spec`)] : [];
const missing = (name: string) => (path: string, value: string | undefined) =>
  value ? [] : [required(path, `${name} must be set in status`)];

const wanted = configSource(
  members<ConfigMapSource>({ uid: given('uid'), resourceVersion: given('resourceVersion'), ...mapName }),
);
const reported = inner(
  configSource(
    members<ConfigMapSource>({ uid: missing('uid'), resourceVersion: missing('resourceVersion'), ...mapName }),
  ),
);
const configStatus = members<NonNullable<Node['status']['config']>>({
  assigned: reported,
  active: reported,
  lastKnownGood: reported,
});

/** What identifies a node on the network and at its provider is set once. */
export function validateNodeUpdate(node: Node, old: Readonly<Node>): FieldError[] {
  const { spec } = node;
  const errors = spec.configSource ? wanted(spec.configSource, 'spec.configSource') : [];
  if (old.spec.podCIDRs?.length && !same(spec.podCIDRs, old.spec.podCIDRs))
    errors.push(forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  if (old.spec.providerID && spec.providerID !== old.spec.providerID)
    errors.push(forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  if ((spec.externalID ?? '') !== (old.spec.externalID ?? ''))
    errors.push(forbidden('spec.externalID', 'may not be updated'));
  return errors;
}

export function validateNodeStatus(node: Node): FieldError[] {
  const { status } = node;
  const errors = amounts(node);
  const seen = new Set<string>();
  for (const [i, address] of (status?.addresses ?? []).entries()) {
    const id = `${address.type}/${address.address}`;
    if (seen.has(id)) errors.push(duplicate(at('status.addresses', i), goForm(`${core}NodeAddress`, address)));
    seen.add(id);
  }
  if (status?.config) errors.push(...configStatus(status.config, 'status.config'));
  return [...errors, ...declaredFeatures(status?.declaredFeatures ?? [])];
}

/** Features of the node's agent, in order (KEP-5328). */
function declaredFeatures(features: string[]): FieldError[] {
  const path = 'status.declaredFeatures';
  return features.flatMap((feature, i) => {
    if (features.indexOf(feature) < i) return [duplicate(at(path, i), feature)];
    const before = features[i - 1];
    return before !== undefined && before > feature
      ? [invalidValue(at(path, i), feature, 'must be sorted alphabetically')]
      : [];
  });
}
