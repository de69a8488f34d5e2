import type {
  CertificateSigningRequest,
  Event,
  Lease,
  Namespace,
  Node,
  PriorityClass,
  RuntimeClass,
} from '../generated/types.ts';
import { dns1123Label, labelValue, qualifiedName } from '../meta/name-format.ts';
import { parseQuantity } from '../meta/quantity.ts';
import { cidr } from './address.ts';
import {
  at,
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  immutable,
  invalidValue,
  keyed,
  keyFormatted,
  nonNegative,
  notSupported,
  oneOf,
  positive,
  required,
  requiredFormatted,
  same,
} from './check.ts';

export function validateNamespace({ metadata, spec, status }: Namespace): FieldError[] {
  const errors = each(spec.finalizers, 'spec.finalizers', (finalizer, p) => {
    const wrong = keyFormatted(p, finalizer, qualifiedName);
    if (wrong.length > 0 || finalizer.includes('/') || finalizer === 'kubernetes') return wrong;
    return [invalidValue(p, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')];
  });
  const phase = status?.phase;
  if (phase === 'Terminating' && !metadata.deletionTimestamp)
    errors.push(invalidValue('status.Phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty"));
  return errors;
}

export function validateNode({ spec, status }: Node): FieldError[] {
  const taints = new Set<string>();
  const path = 'metadata.taints';
  const errors = each(spec.taints, path, ({ key, value, effect }, p) => {
    const own = keyFormatted(child(p, 'key'), key, qualifiedName);
    const wrong = labelValue(value ?? '');
    if (wrong.length > 0) own.push(invalidValue(child(p, 'value'), value, wrong.join(';')));
    if (!effect) own.push(required(child(p, 'effect')));
    else own.push(...oneOf(child(p, 'effect'), effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']));
    const id = `${key}:${effect}`;
    if (taints.has(id))
      own.push({
        ...duplicate(p, ''),
        message:
          'Duplicate value: {"key":' +
          JSON.stringify(key) +
          ',"effect":' +
          JSON.stringify(effect) +
          '}: taints must be unique by key and effect pair',
      });
    taints.add(id);
    return own;
  });
  for (const list of ['capacity', 'allocatable'] as const)
    for (const [name, amount] of Object.entries(status?.[list] ?? {}))
      if (parseQuantity(amount).nanos < 0n)
        errors.push(invalidValue(keyed(child('status', list), name), amount, 'must be greater than or equal to 0'));
  return [...errors, ...each(spec.podCIDRs, 'spec.podCIDRs', (block, p) => cidr(p, block))];
}

/** What identifies a node on the network and at its provider is set once. */
export function validateNodeUpdate(node: Node, old: Readonly<Node>): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, address] of (node.status?.addresses ?? []).entries()) {
    const id = `${address.type}/${address.address}`;
    if (seen.has(id)) errors.push(duplicate(at('status.addresses', i), address));
    seen.add(id);
  }
  if (old.spec.podCIDRs?.length && !same(node.spec.podCIDRs, old.spec.podCIDRs))
    errors.push(forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  if (old.spec.providerID && node.spec.providerID !== old.spec.providerID)
    errors.push(forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  return errors;
}

export function validatePriorityClass({ metadata, value }: PriorityClass): FieldError[] {
  const system: Record<string, number> = {
    'system-node-critical': 2_000_001_000,
    'system-cluster-critical': 2_000_000_000,
  };
  const { name } = metadata;
  if (name.startsWith('system-')) {
    const wanted = system[name];
    const text = "priority class names with 'system-' prefix are reserved for system use only.";
    if (wanted === undefined)
      return [forbidden('metadata.name', `${text} error: ${name} is not a known system priority class`)];
    return wanted === value
      ? []
      : [forbidden('metadata.name', `${text} error: value of ${name} PriorityClass must be ${wanted}`)];
  }
  if ((value ?? 0) <= 1_000_000_000) return [];
  return [forbidden('value', 'maximum allowed value of a user defined priority is 1000000000')];
}

export const validatePriorityClassUpdate = (object: PriorityClass, old: Readonly<PriorityClass>): FieldError[] => [
  ...(object.value === old.value ? [] : [forbidden('value', 'may not be changed in an update.')]),
  ...immutable('preemptionPolicy', object.preemptionPolicy, old.preemptionPolicy),
];

export const validateRuntimeClass = ({ handler }: RuntimeClass): FieldError[] =>
  requiredFormatted('handler', handler, dns1123Label);

export const validateRuntimeClassUpdate = (object: RuntimeClass, old: Readonly<RuntimeClass>): FieldError[] =>
  immutable('handler', object.handler, old.handler);

export function validateLease({ spec }: Lease): FieldError[] {
  const errors = positive('spec.leaseDurationSeconds', spec.leaseDurationSeconds);
  errors.push(...nonNegative('spec.leaseTransitions', spec.leaseTransitions));
  if (spec.preferredHolder && !spec.strategy)
    errors.push(forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined'));
  return errors;
}

export function validateEvent({ metadata, involvedObject }: Event): FieldError[] {
  const about = involvedObject.namespace ?? '';
  const ok =
    about === metadata.namespace ||
    (about === '' && (metadata.namespace === 'default' || metadata.namespace === 'kube-system'));
  return ok ? [] : [invalidValue('involvedObject.namespace', about, 'does not match event.namespace')];
}

const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];

export function validateSigningRequest({ spec }: CertificateSigningRequest): FieldError[] {
  const errors: FieldError[] = [];
  const pem = Buffer.from(spec.request ?? '', 'base64').toString('latin1');
  if (!pem.includes('-----BEGIN CERTIFICATE REQUEST-----'))
    errors.push(invalidValue('spec.request', spec.request ?? null, 'PEM block type must be CERTIFICATE REQUEST'));
  if (!spec.usages?.length) errors.push(required('spec.usages'));
  const seen = new Set<string>();
  for (const [i, usage] of (spec.usages ?? []).entries()) {
    if (!usages.includes(usage)) errors.push(notSupported(at('spec.usages', i), usage, usages));
    if (seen.has(usage)) errors.push(duplicate(at('spec.usages', i), usage));
    seen.add(usage);
  }
  const signer = spec.signerName;
  if (!signer) errors.push(required('spec.signerName'));
  else if (!/^[^/]+\/[^/]+$/.test(signer))
    errors.push(
      invalidValue(
        'spec.signerName',
        signer,
        "must be a fully qualified domain and path of the form 'example.com/signer-name'",
      ),
    );
  else if (signer === 'kubernetes.io/legacy-unknown')
    errors.push(invalidValue('spec.signerName', signer, 'the legacy signerName is not allowed via this API version'));
  if (spec.expirationSeconds !== undefined && spec.expirationSeconds < 600)
    errors.push(
      invalidValue(
        'spec.expirationSeconds',
        spec.expirationSeconds,
        'may not specify a duration less than 600 seconds (10 minutes)',
      ),
    );
  return errors;
}

export const validateSigningRequestUpdate = (
  object: CertificateSigningRequest,
  old: Readonly<CertificateSigningRequest>,
): FieldError[] => immutable('spec', object.spec, old.spec);

/** Approval and failure are final; Approved and Denied exclude each other. */
export function validateSigningRequestStatus(
  object: CertificateSigningRequest,
  old: Readonly<CertificateSigningRequest>,
): FieldError[] {
  const path = 'status.conditions';
  const types = (object.status?.conditions ?? []).map((condition) => condition.type);
  const errors: FieldError[] = [];
  for (const [i, type] of types.entries())
    if (types.indexOf(type) < i) errors.push(duplicate(child(at(path, i), 'type'), type));
  if (types.includes('Approved') && types.includes('Denied'))
    errors.push(invalidValue(path, types, 'Approved and Denied conditions are mutually exclusive'));
  for (const { type } of old.status?.conditions ?? [])
    if (!types.includes(type))
      errors.push(forbidden(path, `updates may not remove a condition of type ${JSON.stringify(type)}`));
  if (old.status?.certificate && object.status?.certificate !== old.status.certificate)
    errors.push(forbidden('status.certificate', 'updates may not change a certificate'));
  return errors;
}
