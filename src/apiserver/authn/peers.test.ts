import { expect, it } from 'vitest';
import type { HttpRequest } from '../body.ts';
import { Peers } from './peers.ts';

const socket = () => ({ getPeerX509Certificate: () => ({}) });

it('gives the same certificate for all requests of a connection, and another one for another', () => {
  const peers = new Peers();
  const [one, two] = [socket(), socket()];
  const of = (request: object) => peers.certificateOf(request as HttpRequest);
  expect(of({ socket: one })).toBe(of({ socket: one }));
  expect(of({ socket: two })).not.toBe(of({ socket: one }));
});

it('knows a connection of HTTP/2 by its session: each request has a socket of its own', () => {
  const peers = new Peers();
  const session = {};
  const request = () => ({ socket: socket(), stream: { session } }) as unknown as HttpRequest;
  expect(peers.certificateOf(request())).toBe(peers.certificateOf(request()));
});

it('remembers that none was shown', () => {
  let asked = 0;
  const bare = { getPeerX509Certificate: () => void asked++ };
  const peers = new Peers();
  const request = { socket: bare } as unknown as HttpRequest;
  expect([peers.certificateOf(request), peers.certificateOf(request)]).toEqual([undefined, undefined]);
  expect(asked).toBe(1);
});

it('gives the same credential for the requests of a connection as long as they bring the same one', () => {
  const peers = new Peers();
  const [one, two] = [socket(), socket()];
  const of = (connection: object, authorization?: string) =>
    peers.bearerOf({ socket: connection, headers: { authorization } } as unknown as HttpRequest);
  const first = of(one, 'Bearer a');
  expect(first).toEqual({ authorization: 'Bearer a', token: 'a' });
  expect(of(one, 'Bearer a')).toBe(first);
  expect(of(one)).toBeUndefined();
  expect(of(two, 'Bearer a')).not.toBe(first);
  expect(of(one, 'Bearer b')?.token).toBe('b');
  expect(of(one, 'Basic b')?.token).toBeUndefined();
});
