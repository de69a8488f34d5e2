import type { X509Certificate } from 'node:crypto';
import type { Http2ServerRequest } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { HttpRequest } from '../body.ts';

/**
 * The client certificates of connections. Node makes another object of the same certificate each time it is asked: what is
 * known of one (that its signature holds) is only remembered for a connection's whole life if the object is.
 */
export class PeerCertificates {
  /** By connection; null: none was shown. */
  readonly #known = new WeakMap<object, X509Certificate | null>();

  certificateOf(request: HttpRequest): X509Certificate | undefined {
    const socket = request.socket as TLSSocket;
    // With HTTP/2 the socket of a request is a stand-in of its own, the session is the connection's.
    const connection = (request as Http2ServerRequest).stream?.session ?? socket;
    let certificate = this.#known.get(connection);
    if (certificate === undefined) {
      certificate = socket.getPeerX509Certificate?.() ?? null;
      this.#known.set(connection, certificate);
    }
    return certificate ?? undefined;
  }
}
