import { canonicalIp, type ExtendedUsage } from './certificate.ts';
import { alternativeNames, type CertificateSubject, type KeyPair, sign, subjectName, type Validity } from './issue.ts';
import { ecdsaSha256, webCryptoKeys } from './key.ts';
import { loadX509, type X509Library } from './x509.ts';

/** What a PKCS#10 request asks for. */
export interface CertificateRequestInfo {
  commonName: string;
  organizations: string[];
  dnsNames: string[];
  ipAddresses: string[];
  emailAddresses: string[];
  uris: string[];
}

const subjectAlternativeName = '2.5.29.17';

/** A PKCS#10 request (PEM) for `subject`, signed with the P-256 key it is about. */
export async function createCertificateRequest(keyPem: string, subject: CertificateSubject): Promise<string> {
  const x509 = await loadX509();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subjectName(subject),
    keys: await webCryptoKeys(keyPem),
    signingAlgorithm: ecdsaSha256,
    extensions: subject.hosts?.length ? [alternativeNames(x509, subject.hosts)] : [],
  });
  return `${request.toString('pem')}\n`;
}

/** Reads a PEM request and verifies that its sender holds the key. Throws when it cannot be read or is forged. */
export async function parseCertificateRequest(pem: string): Promise<CertificateRequestInfo> {
  const { request, x509 } = await verified(pem);
  const names = alternativeNamesOf(request, x509);
  const values = (type: string) => names.filter((name) => name.type === type).map((name) => name.value);
  return {
    commonName: request.subjectName.getField('CN').at(-1) ?? '',
    organizations: request.subjectName.getField('O'),
    dnsNames: values('dns'),
    ipAddresses: values('ip').map(canonicalIp),
    emailAddresses: values('email'),
    uris: values('url'),
  };
}

/** Which of the Kubernetes key usages (certificates.k8s.io KeyUsage) are bits of the keyUsage extension. */
const keyUsageBits = {
  signing: 'digitalSignature',
  'digital signature': 'digitalSignature',
  'content commitment': 'nonRepudiation',
  'key encipherment': 'keyEncipherment',
  'data encipherment': 'dataEncipherment',
  'key agreement': 'keyAgreement',
} as const;

/**
 * Signs what the request names (subject and alternative names unchanged, no other extension taken over).
 * The caller has decided that the signer may give it; usages are Kubernetes' names.
 */
export async function signCertificateRequest(
  ca: KeyPair,
  request: { pem: string; usages: string[] } & Validity,
): Promise<string> {
  const { request: parsed, x509 } = await verified(request.pem);
  let keyUsages = 0;
  for (const usage of request.usages) {
    const bit = keyUsageBits[usage as keyof typeof keyUsageBits];
    if (bit) keyUsages |= x509.KeyUsageFlags[bit];
  }
  const names = alternativeNamesOf(parsed, x509);
  return sign(ca, {
    ...request,
    subject: parsed.subjectName,
    publicKey: parsed.publicKey,
    keyUsages,
    extendedUsages: request.usages.filter((u): u is ExtendedUsage => u === 'client auth' || u === 'server auth'),
    extensions: names.length ? [new x509.SubjectAlternativeNameExtension(names)] : [],
  });
}

type Request = InstanceType<X509Library['Pkcs10CertificateRequest']>;

async function verified(pem: string): Promise<{ request: Request; x509: X509Library }> {
  if (!/^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----/.test(pem)) {
    throw new Error('PEM block type must be CERTIFICATE REQUEST');
  }
  const x509 = await loadX509();
  const request = new x509.Pkcs10CertificateRequest(pem);
  if (!(await request.verify())) throw new Error('certificate request has an invalid signature');
  return { request, x509 };
}

function alternativeNamesOf(request: Request, x509: X509Library) {
  const extension = request.getExtension(subjectAlternativeName);
  return extension ? new x509.SubjectAlternativeNameExtension(extension.rawData).names.toJSON() : [];
}
