import { expect, it } from 'vitest';
import type { HttpRequest } from '../body.ts';
import { PeerCertificates } from './peer-certificates.ts';

const socket = () => ({ getPeerX509Certificate: () => ({}) });

it('gives the same certificate for all requests of a connection, and another one for another', () => {
  const peers = new PeerCertificates();
  const [one, two] = [socket(), socket()];
  const of = (request: object) => peers.certificateOf(request as HttpRequest);
  expect(of({ socket: one })).toBe(of({ socket: one }));
  expect(of({ socket: two })).not.toBe(of({ socket: one }));
});

it('knows a connection of HTTP/2 by its session: each request has a socket of its own', () => {
  const peers = new PeerCertificates();
  const session = {};
  const request = () => ({ socket: socket(), stream: { session } }) as unknown as HttpRequest;
  expect(peers.certificateOf(request())).toBe(peers.certificateOf(request()));
});

it('remembers that none was shown', () => {
  let asked = 0;
  const bare = { getPeerX509Certificate: () => void asked++ };
  const peers = new PeerCertificates();
  const request = { socket: bare } as unknown as HttpRequest;
  expect([peers.certificateOf(request), peers.certificateOf(request)]).toEqual([undefined, undefined]);
  expect(asked).toBe(1);
});
