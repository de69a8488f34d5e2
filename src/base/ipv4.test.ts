import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockContains, formatBlock, formatIPv4, isIPv4, parseBlock, parseIPv4 } from './ipv4.ts';

describe('IPv4', () => {
  it('reads what it writes', () => {
    const addresses = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(fc.property(addresses, (n) => parseIPv4(formatIPv4(n)) === n));
  });

  it.each(['', '1.2.3', '1.2.3.4.5', '256.0.0.1', '01.2.3.4', '::1', '1.2.3.4 '])('refuses %j', (text) => {
    expect(isIPv4(text)).toBe(false);
  });

  it('reads a block by any address in it', () => {
    expect(formatBlock(parseBlock('10.244.1.7/24') ?? expect.fail())).toBe('10.244.1.0/24');
    expect(parseBlock('0.0.0.0/0')?.size).toBe(2 ** 32);
    expect(parseBlock('10.0.0.0')).toBeUndefined();
    expect(parseBlock('10.0.0.0/33')).toBeUndefined();
  });

  it('knows what lies in a block', () => {
    expect(blockContains('10.244.0.0/16', '10.244.255.255')).toBe(true);
    expect(blockContains('10.244.0.0/16', '10.245.0.0')).toBe(false);
    expect(blockContains('192.0.2.1/32', '192.0.2.1')).toBe(true);
    expect(blockContains('::/0', '1.2.3.4')).toBe(false);
  });
});
