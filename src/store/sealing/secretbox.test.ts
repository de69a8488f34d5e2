import { describe, expect, it } from 'vitest';
import { openBox, sealBox } from './secretbox.ts';

const hex = (text: string) => Buffer.from(text, 'hex');
/** The example of NaCl's own tests (tests/secretbox.c). */
const key = hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389');
const nonce = hex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37');
const plain = hex(
  'be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705',
);
const box = hex(
  'f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5',
);

describe('secretbox', () => {
  it('makes the boxes of NaCl, and opens them', () => {
    expect(sealBox(plain, nonce, key).toString('hex')).toBe(box.toString('hex'));
    expect(openBox(box, nonce, key).toString('hex')).toBe(plain.toString('hex'));
  });

  it.each([0, 1, 15, 16, 17, 63, 64, 65, 1000])('takes %i bytes', (size) => {
    const text = Buffer.alloc(size, 7);
    expect(openBox(sealBox(text, nonce, key), nonce, key).equals(text)).toBe(true);
  });

  it('opens nothing else', () => {
    const changed = Buffer.from(box);
    changed[20] = (changed[20] as number) ^ 1;
    for (const wrong of [changed, box.subarray(0, 40), Buffer.alloc(0)])
      expect(() => openBox(wrong, nonce, key)).toThrow('not genuine');
    expect(() => openBox(box, nonce, Buffer.alloc(32))).toThrow('not genuine');
  });
});
