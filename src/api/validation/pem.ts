import { X509Certificate } from 'node:crypto';

/** A block of a PEM text. */
export interface PemBlock {
  type: string;
  hasHeaders: boolean;
  bytes: Buffer;
}

const blockShape = /-----BEGIN ([^-\n]+)-----\r?\n([\s\S]*?)-----END \1-----/g;

export const pemBlocks = (text: string): PemBlock[] =>
  [...text.matchAll(blockShape)].map(([, type = '', body = '']) => ({
    type,
    hasHeaders: body.includes(':'),
    bytes: Buffer.from(body.replace(/^.*:.*$/gm, ''), 'base64'),
  }));

/** The certificate of a block; undefined when it is none. */
export function certificateOf(bytes: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes);
  } catch {
    return undefined;
  }
}
