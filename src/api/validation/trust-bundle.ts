import type { ClusterTrustBundle } from '../generated/types.ts';
import { type FieldError, immutable, invalidValue, tooLong } from './check.ts';
import { certificateOf, pemBlocks } from './pem.ts';
import { bundleName, signerName } from './signer-name.ts';

export const validateTrustBundle = ({ metadata, spec }: ClusterTrustBundle): FieldError[] => [
  ...bundleName(metadata.name, spec.signerName ?? '').map((text) => invalidValue('metadata.name', metadata.name, text)),
  ...(spec.signerName ? signerName('spec.signerName', spec.signerName) : []),
];

const longest = 1024 * 1024;

export const validateTrustBundleCreate = ({ spec: { trustBundle } }: ClusterTrustBundle): FieldError[] =>
  Buffer.byteLength(trustBundle) > longest
    ? [tooLong('spec.trustBundle', longest)]
    : problems(trustBundle).map((text) => invalidValue('spec.trustBundle', '<value omitted>', text));

export const validateTrustBundleUpdate = (
  object: ClusterTrustBundle,
  { spec: old }: Readonly<ClusterTrustBundle>,
): FieldError[] => [
  ...(object.spec.trustBundle === old.trustBundle ? [] : validateTrustBundleCreate(object)),
  ...immutable('spec.signerName', object.spec.signerName ?? '', old.signerName ?? ''),
];

function problems(pem: string): string[] {
  const blocks = pemBlocks(pem ?? '');
  const wrong = blocks.flatMap(({ type, hasHeaders, bytes }, i) => {
    if (type !== 'CERTIFICATE') return [`entry ${i} has bad block type: ${type}`];
    if (hasHeaders) return [`entry ${i} has PEM block headers`];
    const certificate = certificateOf(bytes);
    if (!certificate) return [`entry ${i} does not parse as X.509`];
    return certificate.ca ? [] : [`entry ${i} does not have the CA bit set`];
  });
  if (wrong.length > 0) return wrong;
  if (blocks.length === 0) return ['at least one trust anchor must be provided'];
  const shown = blocks.map(({ bytes }) => bytes.toString('base64'));
  return [...new Set(shown)]
    .map((one) => shown.flatMap((other, i) => (other === one ? [i] : [])))
    .filter((indices) => indices.length > 1)
    .map((indices) => `duplicate trust anchor (indices [${indices.join(' ')}])`);
}
