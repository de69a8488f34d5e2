/**
 * What one proxy does, whoever asked for it: on which ports it listens, what it looks at in a request, where that goes. The
 * words of Ingress and Gateway API end here, those of haproxy begin in `haproxy.ts`.
 */
export interface ProxyModel {
  ports: ProxyPort[];
}

export interface ProxyPort {
  port: number;
  /** Present: TLS ends here. A client that asks for none of the names is refused, unless one of them has no names. */
  certificates?: ServedCertificate[];
  /** The first that fits a request serves it; 404 when none does. See `precedence.ts`. */
  routes: Route[];
}

export interface ServedCertificate {
  /** Server names it is shown to, `*.` in front for all below; none: to everybody who asks for something else. */
  names: string[];
  /** Certificate, chain and key. */
  pem: string;
}

export interface Route {
  /** Absent: every host. */
  host?: HostPattern | undefined;
  /** Hosts that another, more exact listener of the port serves. */
  exceptHosts?: HostPattern[];
  match: RequestMatch;
  /** Absent: all requests that match. The next route of the same match takes the others. */
  share?: { weight: number; of: number };
  target: Target;
}

/** `name` in lower case, without `*.`. One label or any number of them may stand before it, or none. */
export interface HostPattern {
  name: string;
  before: 'nothing' | 'label' | 'labels';
}

/** All that is given has to be so. */
export interface RequestMatch {
  path?: PathPattern;
  method?: string;
  headers?: ValuePattern[];
  queries?: ValuePattern[];
  /** In place of the rank and length of the path, where the API counts something else. Two numbers, the first weighs more. */
  pathRank?: [number, number];
}

/** A prefix is one of whole elements: `/a` is one of `/a/b`, not of `/ab`. */
export interface PathPattern {
  type: 'Exact' | 'Prefix' | 'RegularExpression';
  value: string;
}

export interface ValuePattern {
  name: string;
  type: 'Exact' | 'RegularExpression';
  value: string;
}

/** What becomes of a request: changed, then answered by a redirect, or by one of the servers as their weights say. */
export interface Target {
  requestHeaders?: HeaderChanges[];
  responseHeaders?: HeaderChanges[];
  rewrite?: Rewrite;
  redirect?: Redirect;
  servers?: Server[];
  /** Who gets a copy of the request. What they answer is nobody's. */
  mirrors?: Mirror[];
  /** The share of requests that no server can be found for. */
  failing?: { weight: number; status: 500 | 503 };
  /** For an answer to begin; 0: for ever. */
  timeoutMs?: number;
}

/** `numerator` of `denominator` requests are copied. */
export interface Mirror {
  servers: Server[];
  numerator: number;
  denominator: number;
}

export interface HeaderChanges {
  set?: Header[];
  add?: Header[];
  remove?: string[];
}
export interface Header {
  name: string;
  value: string;
}

export type PathChange = { full: string } | { prefix: string; replacement: string };

export interface Rewrite {
  host?: string;
  path?: PathChange;
}

/** What is absent stays as it was asked for. */
export interface Redirect {
  scheme?: string;
  host?: string;
  port?: number;
  path?: PathChange;
  status: number;
}

export interface Server {
  /** IPv4. */
  address: string;
  port: number;
  weight: number;
  /** HTTP/2 without TLS. */
  isH2c?: boolean;
}
