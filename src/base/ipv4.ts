/** IPv4 addresses and CIDR blocks as numbers. Text in, text out; nothing here asks the machine. */

const pattern = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** The address as an unsigned 32-bit number; undefined when the text is not a dotted quad. */
export function parseIPv4(text: string): number | undefined {
  const match = pattern.exec(text);
  if (!match) return undefined;
  let value = 0;
  for (const part of match.slice(1)) {
    const octet = Number(part);
    // A leading zero is read as octal by some programs: never accepted.
    if (octet > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    value = value * 256 + octet;
  }
  return value;
}

export const isIPv4 = (text: string): boolean => parseIPv4(text) !== undefined;

export function formatIPv4(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');
}

export interface IPv4Block {
  /** The first address of the block. */
  first: number;
  prefixLength: number;
  /** How many addresses it has. */
  size: number;
}

/** `10.244.1.7/24` as the block 10.244.1.0/24; undefined when the text is no IPv4 CIDR. */
export function parseBlock(cidr: string): IPv4Block | undefined {
  const slash = cidr.indexOf('/');
  const address = parseIPv4(slash < 0 ? '' : cidr.slice(0, slash));
  const prefix = cidr.slice(slash + 1);
  if (address === undefined || !/^\d{1,2}$/.test(prefix) || Number(prefix) > 32) return undefined;
  const size = 2 ** (32 - Number(prefix));
  return { first: address - (address % size), prefixLength: Number(prefix), size };
}

export const formatBlock = (block: IPv4Block): string => `${formatIPv4(block.first)}/${block.prefixLength}`;

/** True when the address lies in the block; false when either text is malformed. */
export function blockContains(cidr: string, address: string): boolean {
  const block = parseBlock(cidr);
  const value = parseIPv4(address);
  return block !== undefined && value !== undefined && value >= block.first && value < block.first + block.size;
}
