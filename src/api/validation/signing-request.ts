import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../generated/types.ts';
import { quoted } from '../meta/field-error.ts';
import { goDiff } from '../schema/go-diff.ts';
import {
  at,
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  invalidValue,
  notSupported,
  required,
  same,
} from './check.ts';
import { certificateOf, pemBlocks } from './pem.ts';
import { requestedKey } from './pkcs10.ts';
import { signerName } from './signer-name.ts';

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

export function validateSigningRequest(object: CertificateSigningRequest): FieldError[] {
  const { spec } = object;
  const wrong = requestProblem(spec.request);
  const errors = wrong ? [invalidValue('spec.request', spec.request ?? null, wrong)] : [];
  if (!spec.usages?.length) errors.push(required('spec.usages'));
  for (const [i, usage] of (spec.usages ?? []).entries()) {
    if (!usages.includes(usage)) errors.push(notSupported(at('spec.usages', i), usage, usages));
    if (spec.usages?.indexOf(usage) !== i) errors.push(duplicate(at('spec.usages', i), usage));
  }
  const { signerName: signer, expirationSeconds: seconds } = spec;
  if (signer === 'kubernetes.io/legacy-unknown')
    errors.push(invalidValue('spec.signerName', signer, 'the legacy signerName is not allowed via this API version'));
  else errors.push(...signerName('spec.signerName', signer));
  if (seconds !== undefined && seconds < 600)
    errors.push(
      invalidValue('spec.expirationSeconds', seconds, 'may not specify a duration less than 600 seconds (10 minutes)'),
    );
  return [...errors, ...conditions(object)];
}

function requestProblem(request: string | undefined): string | undefined {
  const [block] = pemBlocks(Buffer.from(request ?? '', 'base64').toString('latin1'));
  if (block?.type !== 'CERTIFICATE REQUEST') return 'PEM block type must be CERTIFICATE REQUEST';
  const key = requestedKey(block.bytes);
  return typeof key === 'string' ? key : undefined;
}

/** Conditions that are only told when they are true. */
const facts = ['Approved', 'Denied', 'Failed'];
const conditionsPath = 'status.conditions';

function conditions({ status }: CertificateSigningRequest): FieldError[] {
  const seen = new Set<string>();
  return each(status?.conditions, conditionsPath, ({ type, status: is }, p) => {
    const path = child(p, 'type');
    const errors = type ? [] : [required(path)];
    const allowed = facts.includes(type) ? ['True'] : ['False', 'True', 'Unknown'];
    if (!is) errors.push(required(child(p, 'status')));
    else if (!allowed.includes(is)) errors.push(notSupported(child(p, 'status'), is, allowed));
    if ((type === 'Approved' && seen.has('Denied')) || (type === 'Denied' && seen.has('Approved')))
      errors.push(invalidValue(path, type, 'Approved and Denied conditions are mutually exclusive'));
    if (seen.has(type)) errors.push(duplicate(path, type));
    seen.add(type);
    return errors;
  });
}

const ofType = (object: Readonly<CertificateSigningRequest>, type: string): CertificateSigningRequestCondition[] =>
  (object.status?.conditions ?? []).filter((condition) => condition.type === type);

/** What was decided stays decided. */
export const validateSigningRequestUpdate = (
  object: CertificateSigningRequest,
  old: Readonly<CertificateSigningRequest>,
): FieldError[] =>
  facts
    .filter((type) => ofType(object, type).length < ofType(old, type).length)
    .map((type) => forbidden(conditionsPath, `updates may not remove a condition of type ${quoted(type)}`));

const path = 'status.certificate';

export function validateSigningRequestStatus(
  object: CertificateSigningRequest,
  old: Readonly<CertificateSigningRequest>,
): FieldError[] {
  const errors = [...conditions(object), ...validateSigningRequestUpdate(object, old)];
  for (const type of facts.slice(0, 2)) {
    const [now, before] = [ofType(object, type), ofType(old, type)];
    if (now.length > before.length)
      errors.push(forbidden(conditionsPath, `updates may not add a condition of type ${quoted(type)}`));
    else if (now.length === before.length && !same(now, before))
      errors.push(
        forbidden(
          conditionsPath,
          `updates may not modify a condition of type ${quoted(type)}\n${goDiff('[]io.k8s.api.certificates.v1.CertificateSigningRequestCondition', before, now)}`,
        ),
      );
  }
  const { certificate } = object.status ?? {};
  if (same(certificate, old.status?.certificate)) return errors;
  const wrong = certificate && chainProblem(Buffer.from(certificate, 'base64').toString('latin1'));
  if (wrong) errors.push(invalidValue(path, '<certificate data>', wrong));
  if (old.status?.certificate) errors.push(forbidden(path, 'updates may not modify existing certificate content'));
  return errors;
}

function chainProblem(pem: string): string | undefined {
  const blocks = pemBlocks(pem);
  for (const { type, hasHeaders, bytes } of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${quoted(type)}`;
    if (hasHeaders) return 'no PEM block headers are permitted';
    if (!certificateOf(bytes)) return 'x509: malformed certificate';
  }
  return blocks.length > 0 ? undefined : 'must contain at least one CERTIFICATE PEM block';
}
