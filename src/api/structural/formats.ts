import { isIP } from 'node:net';

type Format = (text: string) => boolean;

const matches =
  (pattern: RegExp): Format =>
  (text) =>
    text.length <= 4096 && pattern.test(text);

const uuid = '[0-9a-f]{8}-?[0-9a-f]{4}-?';
const uuidOf = (version: string, variant = '[0-9a-f]'): Format =>
  matches(new RegExp(`^${uuid}${version}[0-9a-f]{3}-?${variant}[0-9a-f]{3}-?[0-9a-f]{12}$`, 'i'));

function isCidr(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  const version = isIP(address);
  return rest.length === 0 && version !== 0 && /^\d{1,3}$/.test(length) && Number(length) <= (version === 4 ? 32 : 128);
}

const dateTime = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,]\d+)?(?:[Zz]|[+-]\d\d:?\d\d)$/;

function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (!match) return false;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function isDateTime(text: string): boolean {
  const match = dateTime.exec(text);
  if (!match) return false;
  const [hour, minute, second] = match.slice(4, 7).map(Number) as [number, number, number];
  return isDate(text.slice(0, 10)) && hour < 24 && minute < 60 && second < 60;
}

function isUri(text: string): boolean {
  if (/[\s<>"\\^`{|}]/.test(text)) return false;
  // What Go's `url.ParseRequestURI` takes: absolute, or a path.
  if (text.startsWith('/')) return true;
  return /^[A-Za-z][A-Za-z0-9+.-]*:./.test(text) && URL.canParse(text);
}

/** A number followed by a unit, any number of times: Go's durations and the longer words of go-openapi. */
const duration =
  /^[+-]?(\d+(\.\d*)?|\.\d+)\s*(ns|us|µs|ms|s|m|h|d|w|nanoseconds?|microseconds?|milliseconds?|seconds?|minutes?|hours?|days?|weeks?)(\s*(\d+(\.\d*)?|\.\d+)\s*(ns|us|µs|ms|s|m|h|d|w))*$/;

const isBase64: Format = (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);

function isIsbn(text: string): boolean {
  const digits = text.replace(/[\s-]/g, '');
  return isIsbn10(digits) || isIsbn13(digits);
}

function isIsbn10(digits: string): boolean {
  if (!/^\d{9}[\dXx]$/.test(digits)) return false;
  const sum = [...digits].reduce((total, c, i) => total + (c === 'X' || c === 'x' ? 10 : Number(c)) * (10 - i), 0);
  return sum % 11 === 0;
}

function isIsbn13(digits: string): boolean {
  if (!/^\d{13}$/.test(digits)) return false;
  return [...digits].reduce((total, c, i) => total + Number(c) * (i % 2 === 0 ? 1 : 3), 0) % 10 === 0;
}

function isCreditCard(text: string): boolean {
  const digits = text.replace(/[\s-]/g, '');
  if (!/^\d{13,19}$/.test(digits)) return false;
  const sum = [...digits].reverse().reduce((total, c, i) => {
    const n = i % 2 === 0 ? Number(c) : Number(c) * 2;
    return total + (n > 9 ? n - 9 : n);
  }, 0);
  return sum % 10 === 0;
}

const hostname =
  /^([a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?)(\.[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?)*\.?$/;

/** Formats of texts that are checked; all others are only said. Names are compared without dashes. */
const formats: Record<string, Format> = {
  bsonobjectid: matches(/^[0-9a-fA-F]{24}$/),
  uri: isUri,
  email: matches(/^[^\s@<>()[\]\\,;:"]+@[^\s@<>()[\]\\,;:"]+$/),
  hostname: (text) => text.length <= 255 && hostname.test(text),
  ipv4: (text) => isIP(text) === 4,
  ipv6: (text) => isIP(text) === 6,
  cidr: isCidr,
  mac: matches(/^([0-9a-fA-F]{2}[:-]){5,7}[0-9a-fA-F]{2}$|^([0-9a-fA-F]{4}\.){2,3}[0-9a-fA-F]{4}$/),
  uuid: uuidOf('[0-9a-f]'),
  uuid3: uuidOf('3'),
  uuid4: uuidOf('4', '[89ab]'),
  uuid5: uuidOf('5', '[89ab]'),
  isbn: isIsbn,
  isbn10: (text) => isIsbn10(text.replace(/[\s-]/g, '')),
  isbn13: (text) => isIsbn13(text.replace(/[\s-]/g, '')),
  creditcard: isCreditCard,
  ssn: matches(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: matches(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  rgbcolor: matches(/^rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)$/),
  byte: isBase64,
  date: isDate,
  duration: matches(duration),
  datetime: isDateTime,
};

/** The check of a format; undefined for one that is not checked. */
export const formatNamed = (name: string): Format | undefined => formats[name.replaceAll('-', '')];
