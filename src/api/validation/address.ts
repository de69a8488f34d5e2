import { isIPv6 } from 'node:net';
import { isIPv4, parseBlock, parseIPv4 } from '../../base/ipv4.ts';
import { dns1123Label, dns1123Subdomain } from '../meta/name-format.ts';
import { type FieldError, internal, invalidValue, required } from './check.ts';

const isIp = (text: string): boolean => isIPv4(text) || isIPv6(text);

/** A plain IP address: no leading zeros, no IPv4 inside IPv6. */
export function ipAddress(path: string, value: string): FieldError[] {
  if (!isIp(value)) return [invalidValue(path, value, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];
  if (/^::ffff:\d+\./i.test(value)) return [invalidValue(path, value, 'must not be an IPv4-mapped IPv6 address')];
  return [];
}

function isBlock(text: string): boolean {
  const [address = '', prefix = ''] = text.split('/');
  const isSix = isIPv6(address) && /^\d{1,3}$/.test(prefix) && Number(prefix) <= 128;
  return isSix || parseBlock(text) !== undefined;
}

/** A block of addresses without host bits. */
export function cidr(path: string, value: string): FieldError[] {
  const block = parseBlock(value);
  const [address = ''] = value.split('/');
  if (!isBlock(value))
    return [invalidValue(path, value, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
  if (block && block.first !== parseIPv4(address))
    return [invalidValue(path, value, 'must not have bits set beyond the prefix length')];
  return [];
}

/** Where a list has a member that is no address, nothing can be said of its families. */
export function unknownFamily(path: string, addresses: readonly string[], text: string): FieldError[] {
  const i = addresses.findIndex((address) => !isIp(address));
  return i < 0 ? [] : [internal(path, `${text}invalid IP[${i}]: ${addresses[i]}`)];
}

/** As `unknownFamily`, of blocks. */
export function unknownBlock(path: string, blocks: readonly string[], text: string): FieldError[] {
  const i = blocks.findIndex((block) => !isBlock(block));
  return i < 0 ? [] : [internal(path, `${text}invalid CIDR[${i}]: <nil> (invalid CIDR address: ${blocks[i]})`)];
}

export const familyOf = (address: string): 'IPv4' | 'IPv6' => (address.includes(':') ? 'IPv6' : 'IPv4');

/** An address of an endpoint: one that traffic can be sent to. */
export function endpointAddress(path: string, value: string): FieldError[] {
  const errors = ipAddress(path, value);
  if (errors.length > 0) return errors;
  const wrong = (detail: string) => errors.push(invalidValue(path, value, detail));
  if (value === '0.0.0.0' || value === '::') wrong(`may not be unspecified (${value})`);
  if (value.startsWith('127.') || value === '::1') wrong('may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (value.startsWith('169.254.') || /^fe[89ab]/i.test(value))
    wrong('may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  if (value.startsWith('224.0.0.') || /^ff02:/i.test(value))
    wrong('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  return errors;
}

/** A name of at least two labels; a dot may follow. */
export function fullyQualifiedName(path: string, name: string): FieldError[] {
  if (name === '') return [required(path)];
  const plain = name.replace(/\.$/, '');
  const wrong = dns1123Subdomain(plain);
  if (wrong.length > 0) return [invalidValue(path, plain, wrong.join(','))];
  const labels = plain.split('.');
  if (labels.length < 2)
    return [invalidValue(path, plain, 'should be a domain with at least two segments separated by dots')];
  const long = labels.find((label) => dns1123Label(label).length > 0);
  return long === undefined ? [] : [invalidValue(path, long, dns1123Label(long).join(','))];
}
