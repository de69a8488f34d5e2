import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';

/** An ASN.1 value: its tag, what is in it, and all of it. */
interface Der {
  tag: number;
  content: Buffer;
  whole: Buffer;
}

/** The values that stand one after the other in some bytes. Throws when they end early. */
function valuesIn(bytes: Buffer): Der[] {
  const values: Der[] = [];
  for (let at = 0; at < bytes.length; ) {
    const start = at;
    const tag = bytes.readUInt8(at++);
    let length = bytes.readUInt8(at++);
    if (length > 0x80) {
      const size = length & 0x7f;
      length = bytes.readUIntBE(at, size);
      at += size;
    }
    if (at + length > bytes.length) throw new RangeError('truncated');
    values.push({ tag, content: bytes.subarray(at, at + length), whole: bytes.subarray(start, at + length) });
    at += length;
  }
  return values;
}

const oids: Record<string, string | null> = {
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  '2b6570': null,
};

const failures: Record<string, string> = {
  ec: 'x509: ECDSA verification failure',
  ed25519: 'x509: Ed25519 verification failure',
  rsa: 'crypto/rsa: verification error',
};

/** The public key that a request (DER) is about, or what is wrong with the request. */
export function requestedKey(der: Buffer): KeyObject | string {
  try {
    const [request] = valuesIn(der);
    const [info, algorithm, signature] = valuesIn(request?.content ?? Buffer.alloc(0));
    const [, , spki] = valuesIn(info?.content ?? Buffer.alloc(0));
    const [oid] = valuesIn(algorithm?.content ?? Buffer.alloc(0));
    if (!info || !signature || !spki || !oid) return 'asn1: syntax error: sequence truncated';
    const key = createPublicKey({ key: spki.whole, format: 'der', type: 'spki' });
    const hash = oids[oid.content.toString('hex')];
    const known = hash !== undefined && verify(hash, info.whole, key, signature.content.subarray(1));
    return known ? key : (failures[key.asymmetricKeyType ?? ''] ?? 'x509: unknown public key algorithm');
  } catch {
    return 'asn1: syntax error: data truncated';
  }
}

/** What is wrong with a key that a pod may have a certificate for. `shown` is the value of the message. */
export function keyProblem(key: KeyObject): { shown?: string; text: string } | undefined {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return undefined;
    case 'ec':
      return ['prime256v1', 'secp384r1', 'secp521r1'].includes(namedCurve ?? '')
        ? undefined
        : {
            shown: `curve ${(namedCurve ?? '').replace(/^secp(\d+)r1$/, 'P-$1')}`,
            text: 'elliptic public keys must use curve P256, P384, or P521',
          };
    case 'rsa':
      return modulusLength === 3072 || modulusLength === 4096
        ? undefined
        : { shown: `${modulusLength}-bit modulus`, text: 'RSA keys must have modulus size 3072 or 4096' };
    default:
      return { text: 'unknown public key type; supported types are Ed25519, ECDSA, and RSA' };
  }
}

/** Whether who has the key signed a text with it. */
export function isSignedWith(key: KeyObject, text: string, signature: Buffer): boolean {
  const data = Buffer.from(text);
  if (key.asymmetricKeyType === 'ed25519') return verify(null, data, key, signature);
  const rsa = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
  return verify('sha256', data, { key, ...(key.asymmetricKeyType === 'rsa' ? rsa : {}) }, signature);
}
