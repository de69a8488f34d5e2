import { createPublicKey, type KeyObject } from 'node:crypto';
import type {
  PodCertificateRequest,
  PodCertificateRequestSpec,
  PodCertificateRequestStatus,
} from '../generated/types.ts';
import { dns1123Subdomain } from '../meta/name-format.ts';
import { goForm } from '../schema/go-form.ts';
import {
  child,
  each,
  type FieldError,
  invalidState,
  invalidValue,
  keyFormatted,
  notSupported,
  required,
  same,
  tooLong,
} from './check.ts';
import { validateConditions } from './conditions.ts';
import { members } from './members.ts';
import { certificateOf, pemBlocks } from './pem.ts';
import { isSignedWith, keyProblem, requestedKey } from './pkcs10.ts';
import { signerName } from './signer-name.ts';

const kiB = 1024;
const day = 86_400;
const shortest = 3600;
const most = { uid: 128, key: 10 * kiB, proof: 10 * kiB, request: 10 * kiB, chain: 100 * kiB };

const name = (path: string, value: string | undefined): FieldError[] =>
  keyFormatted(path, value ?? '', dns1123Subdomain);

const uid = (path: string, value = ''): FieldError[] => [
  ...(value ? [] : [invalidValue(path, value, 'must not be empty')]),
  ...(value.length > most.uid ? [tooLong(path, most.uid)] : []),
];

const subject = members<PodCertificateRequestSpec>({
  signerName,
  podName: name,
  podUID: uid,
  serviceAccountName: name,
  serviceAccountUID: uid,
  nodeName: name,
  nodeUID: uid,
});

export function validatePodCertificate({ spec }: PodCertificateRequest): FieldError[] {
  const errors = subject(spec, 'spec');
  const { maxExpirationSeconds: seconds, signerName: signer } = spec;
  const path = 'spec.maxExpirationSeconds';
  if (seconds === undefined) return [...errors, required(path, 'must be set')];
  const longest = signer.startsWith('kubernetes.io/') ? day : 91 * day;
  if (seconds < shortest || seconds > longest)
    errors.push(invalidValue(path, seconds, `must be in the range [${shortest}, ${longest}]`));
  return [...errors, ...proof(spec)];
}

const bytesOf = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64');

/** Whoever asks has the private key: by the request that the key signs, or by a signature of the pod's uid. */
function proof(spec: PodCertificateRequestSpec): FieldError[] {
  const { stubPKCS10Request: request, pkixPublicKey, proofOfPossession } = spec;
  const [pkix, pop] = ['spec.pkixPublicKey', 'spec.proofOfPossession'];
  if (bytesOf(request).length > most.request) return [tooLong('spec.stubPKCS10Request', most.request)];
  if (bytesOf(pkixPublicKey).length > most.key) return [tooLong(pkix, most.key)];
  if (bytesOf(proofOfPossession).length > most.proof) return [tooLong(pop, most.proof)];
  if (request) return ofRequest(bytesOf(request));
  const key = keyOf(bytesOf(pkixPublicKey));
  if (!key) return [invalidValue(pkix, pkixPublicKey ?? null, 'must be a valid PKIX-serialized public key')];
  const problem = keyProblem(key);
  if (problem) return [invalidValue(pkix, problem.shown ?? pkixPublicKey, problem.text)];
  return isSignedWith(key, spec.podUID, bytesOf(proofOfPossession))
    ? []
    : [invalidState(pop, 'could not verify proof-of-possession signature')];
}

function ofRequest(der: Buffer): FieldError[] {
  const path = 'spec.stubPKCS10Request';
  const key = requestedKey(der);
  if (typeof key === 'string') return [invalidState(path, `must be a valid, self-signed PKCS#10 request: ${key}`)];
  const problem = keyProblem(key);
  if (!problem) return [];
  return [problem.shown ? invalidValue(path, problem.shown, problem.text) : invalidState(path, problem.text)];
}

function keyOf(der: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

export const validatePodCertificateUpdate = (
  { spec }: PodCertificateRequest,
  { spec: old }: Readonly<PodCertificateRequest>,
): FieldError[] =>
  same(spec, old)
    ? []
    : [
        invalidValue(
          'spec',
          goForm('io.k8s.api.certificates.v1beta1.PodCertificateRequestSpec', spec),
          'field is immutable',
        ),
      ];

const outcomes = ['Issued', 'Denied', 'Failed'];

/** How a request ended; undefined while it has not. */
const outcomeOf = (status: PodCertificateRequestStatus | undefined): string | undefined =>
  outcomes.find((type) => status?.conditions?.some((c) => c.type === type && c.status === 'True'));

export function validatePodCertificateStatus(
  { spec, status }: PodCertificateRequest,
  { status: old }: Readonly<PodCertificateRequest>,
): FieldError[] {
  const errors = [...ends(status), ...validateConditions(status.conditions, 'status.conditions')];
  if (errors.length > 0) return errors;
  const fixed = (detail: string) => [invalidState('status', detail)];
  if (outcomeOf(old))
    return same(status, old) ? [] : fixed('immutable after PodCertificateRequest is issued, denied, or failed');
  const outcome = outcomeOf(status);
  if (outcome === 'Issued') return issued(spec, status);
  if (outcome)
    return same(status, { conditions: status.conditions })
      ? []
      : fixed('non-condition status fields must be empty when denying or failing the PodCertificateRequest');
  return same(status, old) ? [] : fixed('status is immutable unless transitioning to "Issued", "Denied", or "Failed"');
}

const ends = ({ conditions }: PodCertificateRequestStatus): FieldError[] => {
  let known = 0;
  return each(conditions, 'status.conditions.', ({ type, status }, p) => {
    if (!outcomes.includes(type)) return [notSupported(child(p, 'type'), type, outcomes)];
    const errors: FieldError[] = [];
    const detail = 'There may be at most one condition with type "Issued", "Denied", or "Failed"';
    if (++known > 1) errors.push(invalidValue(child(p, 'type'), type, detail));
    if (status !== 'True') errors.push(notSupported(child(p, 'status'), status, ['True']));
    return errors;
  });
};

const times = { notBefore: 'status.notBefore', notAfter: 'status.notAfter', refresh: 'status.beginRefreshAt' };
const minute = 60_000;

function issued(spec: PodCertificateRequestSpec, status: PodCertificateRequestStatus): FieldError[] {
  const path = 'status.certificateChain';
  const chain = status.certificateChain ?? '';
  const wrong = (text: string): FieldError[] => [invalidValue(path, chain, text)];
  if (chain.length > most.chain) return [tooLong(path, most.chain)];
  const [leafBlock, ...rest] = pemBlocks(chain);
  if (!leafBlock) return wrong('issued certificate chain must contain at least one certificate');
  if (leafBlock.type !== 'CERTIFICATE')
    return wrong('issued certificate chain must consist entirely of CERTIFICATE PEM blocks');
  const leaf = certificateOf(leafBlock.bytes);
  if (!leaf) return wrong('leaf certificate does not parse as valid X.509');
  const wanted = spec.stubPKCS10Request
    ? requestedKey(bytesOf(spec.stubPKCS10Request))
    : keyOf(bytesOf(spec.pkixPublicKey));
  if (typeof wanted === 'object' && !wanted.equals(leaf.publicKey))
    return wrong('leaf certificate was not issued to the requested public key');
  const errors = lifetime(status, { from: Date.parse(leaf.validFrom), to: Date.parse(leaf.validTo) }, spec);
  if (errors.length > 0) return errors;
  if (rest.some(({ type }) => type !== 'CERTIFICATE'))
    return wrong('issued certificate chain must consist entirely of CERTFICATE PEM blocks');
  return rest.every(({ bytes }) => certificateOf(bytes))
    ? []
    : wrong('intermediate certificate does not parse as valid X.509');
}

function lifetime(
  { notBefore, notAfter, beginRefreshAt: refresh }: PodCertificateRequestStatus,
  { from, to }: { from: number; to: number },
  { maxExpirationSeconds: longest = 0 }: PodCertificateRequestSpec,
): FieldError[] {
  const consistent = 'must be present and consistent with the issued certificate';
  const errors: FieldError[] = [];
  if (!notBefore) errors.push(required(times.notBefore, consistent));
  if (!notAfter) errors.push(required(times.notAfter, consistent));
  if (!refresh)
    errors.push(required(times.refresh, 'must be present and in the range [notbefore+10min, notafter-10min]'));
  if (!notBefore || !notAfter || !refresh) return errors;
  const one = (path: string, value: string, text: string): FieldError[] => [invalidValue(path, value, text)];
  const seconds = (to - from) / 1000;
  const chain = 'status.certificateChain';
  if (Date.parse(notBefore) !== from)
    return one(times.notBefore, notBefore, 'must be set to the NotBefore time encoded in the leaf certificate');
  if (Date.parse(notAfter) !== to)
    return one(times.notAfter, notAfter, 'must be set to the NotAfter time encoded in the leaf certificate');
  if (seconds < shortest) return [invalidValue(chain, seconds * 1e9, 'leaf certificate lifetime must be >= 1 hour')];
  if (seconds > longest)
    return [
      invalidValue(chain, seconds * 1e9, `leaf certificate lifetime must be <= spec.maxExpirationSeconds (${longest})`),
    ];
  if (Date.parse(refresh) < from + 10 * minute)
    return one(times.refresh, refresh, 'must be at least 10 minutes after status.notBefore');
  if (Date.parse(refresh) > to - 10 * minute)
    return one(times.refresh, refresh, 'must be at least 10 minutes before status.notAfter');
  return [];
}
