import type { X509Certificate } from 'node:crypto';
import type { Http2ServerRequest } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { HttpRequest } from '../body.ts';
import { type BearerCredential, bearerCredential } from './authenticator.ts';

interface Peer {
  /** Undefined: none was shown. */
  certificate: X509Certificate | undefined;
  /** Of its last request that had one. */
  bearer: BearerCredential | undefined;
}

/**
 * The credentials of connections. Node makes another object of the same certificate each time it is asked, and each request
 * brings its token anew: what is known of one (that its signature holds) is only remembered for a connection's whole life if
 * the object is.
 */
export class Peers {
  readonly #known = new WeakMap<object, Peer>();

  certificateOf(request: HttpRequest): X509Certificate | undefined {
    return this.#peerOf(request).certificate;
  }

  /** Undefined: the request has no `Authorization`. */
  bearerOf(request: HttpRequest): BearerCredential | undefined {
    const { authorization } = request.headers;
    if (!authorization) return undefined;
    const peer = this.#peerOf(request);
    if (peer.bearer?.authorization !== authorization) peer.bearer = bearerCredential(authorization);
    return peer.bearer;
  }

  #peerOf(request: HttpRequest): Peer {
    const socket = request.socket as TLSSocket;
    // With HTTP/2 the socket of a request is a stand-in of its own, the session is the connection's.
    const connection = (request as Http2ServerRequest).stream?.session ?? socket;
    let peer = this.#known.get(connection);
    if (!peer) {
      peer = { certificate: socket.getPeerX509Certificate?.(), bearer: undefined };
      this.#known.set(connection, peer);
    }
    return peer;
  }
}
