import { isIP } from 'node:net';
import { EvaluationError } from '../errors.ts';
import { fn, type Overload } from '../signature.ts';
import { CelList, CelMap, type Opaque, type Value } from '../values.ts';
import { traversed } from './costs.ts';

/** An address as a number of 32 or 128 bits. */
export class IpAddress implements Opaque {
  readonly celType = 'net.IP';
  readonly family: 4 | 6;
  readonly bits: bigint;

  constructor(family: 4 | 6, bits: bigint) {
    this.family = family;
    this.bits = bits;
  }

  equals(other: Value): boolean {
    return other instanceof IpAddress && other.family === this.family && other.bits === this.bits;
  }

  toString(): string {
    return this.family === 4 ? text4(this.bits) : text6(this.bits);
  }
}

const text4 = (bits: bigint): string => [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 0xffn).join('.');

/** RFC 5952: the longest run of zeroes is left out. */
function text6(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => Number((bits >> BigInt(112 - 16 * i)) & 0xffffn));
  const runs = [
    ...groups
      .map((g) => (g === 0 ? '0' : 'x'))
      .join('')
      .matchAll(/0{2,}/g),
  ];
  const longest = runs.sort((a, b) => b[0].length - a[0].length)[0];
  const hex = (part: number[]) => part.map((g) => g.toString(16)).join(':');
  if (!longest) return hex(groups);
  return `${hex(groups.slice(0, longest.index))}::${hex(groups.slice(longest.index + longest[0].length))}`;
}

function parseIp(text: string): IpAddress | undefined {
  // Addresses that other programs read otherwise are refused: zones, IPv4 in IPv6.
  if (text.includes('%') || (text.includes(':') && text.includes('.'))) return undefined;
  const family = isIP(text);
  if (family === 4)
    return new IpAddress(
      4,
      text.split('.').reduce((bits, part) => (bits << 8n) + BigInt(part), 0n),
    );
  if (family !== 6) return undefined;
  const [head = '', tail] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeroes = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const all = tail === undefined ? before : [...before, ...zeroes, ...after];
  return new IpAddress(
    6,
    all.reduce((bits, group) => (bits << 16n) + BigInt(Number.parseInt(group, 16)), 0n),
  );
}

function ipOf(text: string): IpAddress {
  const address = parseIp(text);
  if (!address)
    throw new EvaluationError(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
  return address;
}

class Cidr implements Opaque {
  readonly celType = 'net.CIDR';
  readonly address: IpAddress;
  readonly length: number;

  constructor(address: IpAddress, length: number) {
    this.address = address;
    this.length = length;
  }

  get #rest(): bigint {
    return BigInt((this.address.family === 4 ? 32 : 128) - this.length);
  }

  get masked(): Cidr {
    return new Cidr(new IpAddress(this.address.family, (this.address.bits >> this.#rest) << this.#rest), this.length);
  }

  contains({ family, bits }: IpAddress): boolean {
    return family === this.address.family && bits >> this.#rest === this.address.bits >> this.#rest;
  }

  equals(other: Value): boolean {
    return other instanceof Cidr && other.length === this.length && other.address.equals(this.address);
  }

  toString(): string {
    return `${this.address}/${this.length}`;
  }
}

function parseCidr(text: string): Cidr | undefined {
  const [address = '', length = '', ...rest] = text.split('/');
  const ip = parseIp(address);
  if (!ip || rest.length > 0 || !/^\d{1,3}$/.test(length) || (length.length > 1 && length.startsWith('0')))
    return undefined;
  return Number(length) <= (ip.family === 4 ? 32 : 128) ? new Cidr(ip, Number(length)) : undefined;
}

function cidrOf(text: string): Cidr {
  const cidr = parseCidr(text);
  if (!cidr)
    throw new EvaluationError(`network address parse error during conversion from string: ${JSON.stringify(text)}`);
  return cidr;
}

const inRange = (text: string) => (address: IpAddress) => cidrOf(text).contains(address);
const either = (v4: string, v6: string) => (address: IpAddress) => inRange(address.family === 4 ? v4 : v6)(address);
const isLoopback = either('127.0.0.0/8', '::1/128');
const isMulticast = either('224.0.0.0/4', 'ff00::/8');
const isLinkLocal = either('169.254.0.0/16', 'fe80::/10');
const isUnspecified = (address: IpAddress): boolean => address.bits === 0n;
const isGlobal = (address: IpAddress): boolean =>
  !isUnspecified(address) &&
  !isLoopback(address) &&
  !isMulticast(address) &&
  !isLinkLocal(address) &&
  address.bits !== 0xffffffffn;

const parsing = { work: (text: number) => traversed(text) };

const addresses: Overload[] = [
  fn('ip(string): net.IP', ipOf, parsing),
  fn('isIP(string): bool', (text: string) => parseIp(text) !== undefined, parsing),
  fn('ip.isCanonical(string): bool', (text: string) => String(ipOf(text)) === text, parsing),
  fn('string(net.IP): string', String),
  fn('net.IP.family(): int', ({ family }: IpAddress) => BigInt(family)),
  fn('net.IP.isUnspecified(): bool', isUnspecified),
  fn('net.IP.isLoopback(): bool', isLoopback),
  fn('net.IP.isLinkLocalMulticast(): bool', either('224.0.0.0/24', 'ff02::/16')),
  fn('net.IP.isLinkLocalUnicast(): bool', isLinkLocal),
  fn('net.IP.isGlobalUnicast(): bool', isGlobal),
  fn('cidr(string): net.CIDR', cidrOf, parsing),
  fn('isCIDR(string): bool', (text: string) => parseCidr(text) !== undefined, parsing),
  fn('string(net.CIDR): string', String),
  fn('net.CIDR.containsIP(string): bool', (cidr: Cidr, text: string) => cidr.contains(ipOf(text)), parsing),
  fn('net.CIDR.containsIP(net.IP): bool', (cidr: Cidr, ip: IpAddress) => cidr.contains(ip)),
  fn('net.CIDR.containsCIDR(string): bool', (cidr: Cidr, text: string) => includes(cidr, cidrOf(text)), parsing),
  fn('net.CIDR.containsCIDR(net.CIDR): bool', includes),
  fn('net.CIDR.ip(): net.IP', ({ address }: Cidr) => address),
  fn('net.CIDR.masked(): net.CIDR', ({ masked }: Cidr) => masked),
  fn('net.CIDR.prefixLength(): int', ({ length }: Cidr) => BigInt(length)),
];

function includes(cidr: Cidr, other: Cidr): boolean {
  return other.length >= cidr.length && cidr.contains(other.address);
}

class Url implements Opaque {
  readonly celType = 'kubernetes.URL';
  readonly text: string;
  readonly url: URL;

  constructor(text: string, url: URL) {
    this.text = text;
    this.url = url;
  }

  equals(other: Value): boolean {
    return other instanceof Url && other.text === this.text;
  }
}

/** Absolute, or a path: what Go's `url.ParseRequestURI` takes. */
function parseUrl(text: string): Url | undefined {
  if (/\s|\p{Cc}/u.test(text)) return undefined;
  if (text.startsWith('/')) return new Url(text, new URL(text, 'path://'));
  if (!/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\//.test(text) || !URL.canParse(text)) return undefined;
  return new Url(text, new URL(text));
}

function urlOf(text: string): Url {
  const url = parseUrl(text);
  if (!url)
    throw new EvaluationError(
      `URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`,
    );
  return url;
}

/** What stands between `//` and the path, as it was written. */
const hostText = ({ text }: Url): string => /^[^/]*:\/\/(?:[^@/?#]*@)?([^/?#]*)/.exec(text)?.[1] ?? '';
const portText = (url: Url): string => /:(\d*)$/.exec(hostText(url))?.[1] ?? '';

function queryOf({ url }: Url): CelMap {
  const values = new Map<string, string[]>();
  for (const [name, value] of url.searchParams) values.set(name, [...(values.get(name) ?? []), value]);
  return CelMap.of([...values].map(([name, list]) => [name, CelList.of(list)]));
}

const urls: Overload[] = [
  fn('url(string): kubernetes.URL', urlOf, parsing),
  fn('isURL(string): bool', (text: string) => parseUrl(text) !== undefined, parsing),
  fn('kubernetes.URL.getScheme(): string', ({ url }: Url) =>
    url.protocol === 'path:' ? '' : url.protocol.slice(0, -1),
  ),
  fn('kubernetes.URL.getHost(): string', hostText),
  fn('kubernetes.URL.getHostname(): string', (url: Url) =>
    hostText(url)
      .replace(/:\d*$/, '')
      .replace(/^\[|\]$/g, ''),
  ),
  fn('kubernetes.URL.getPort(): string', portText),
  fn('kubernetes.URL.getEscapedPath(): string', ({ text, url }: Url) =>
    /^[^/]*:\/\/[^/?#]*(?:[?#]|$)/.test(text) ? '' : url.pathname,
  ),
  fn('kubernetes.URL.getQuery(): map<string, list<string>>', queryOf, parsing),
];

/** Kubernetes' IP, CIDR and URL libraries. */
export const network: Overload[] = [...addresses, ...urls];
