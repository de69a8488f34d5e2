import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { certificatesigningrequests, nodes } from '../../api/generated/resources.ts';
import type { CertificateSigningRequest, Node } from '../../api/generated/types.ts';
import { silentLog } from '../../base/log.ts';
import { seededRng } from '../../base/rng.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import type { Client } from '../../client/client.ts';
import { FakeTransport } from '../../client/fake.ts';
import { informersFor } from '../../client/informers.ts';
import type { ApiCall, Transport } from '../../client/transport.ts';
import { createClient } from '../../client/typed-client.ts';
import { inspectCertificate, isSignedBy } from '../../pki/certificate.ts';
import { createAuthority, type KeyPair } from '../../pki/issue.ts';
import { NodeCertificates } from '../../pki/node-bootstrap.ts';
import { obtainCertificate } from '../../pki/obtain-certificate.ts';
import { NodeCertificate, renewalTimeMs } from '../../pki/node-certificate.ts';
import { ControllerLoop } from '../runtime.ts';
import { certificateApproving } from './approving.ts';
import { certificateCleanup } from './cleanup.ts';
import { recognizeServing, signerProblem } from './request-rules.ts';
import { certificateSigning, validityOf } from './signing.ts';

const hourMs = 3_600_000;
let dir: string;
let ca: KeyPair;
let clock: VirtualClock;
let admin: Client;
let fake: FakeTransport;
let stop: () => void;
/** What SubjectAccessReviews answer, by subresource. */
let allowed: string[];

/** The fake server, as a user: it fills in who asks, and answers access reviews. */
function transportAs(username: string, groups: string[]): Transport {
  return {
    watch: (call, sink) => fake.watch(call, sink),
    async call(call: ApiCall) {
      const body = call.body as { spec?: Record<string, unknown> } | undefined;
      if (call.resource.resource === 'subjectaccessreviews') {
        const asked = body?.spec?.resourceAttributes as { subresource: string } | undefined;
        return { ...body, status: { allowed: allowed.includes(asked?.subresource ?? '') } };
      }
      if (call.verb === 'create' && call.resource.resource === 'certificatesigningrequests') {
        return fake.call({ ...call, body: { ...body, spec: { ...body?.spec, username, groups } } });
      }
      return fake.call(call.subresource === 'approval' ? { ...call, subresource: 'status' } : call);
    },
  };
}
const clientAs = (username: string, ...groups: string[]) => createClient(transportAs(username, groups));

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'knarr-csr-'));
  clock = new VirtualClock();
  ca = await createAuthority('kubernetes', {
    notBeforeMs: clock.now() - hourMs,
    notAfterMs: clock.now() + 90_000 * hourMs,
  });
  fake = new FakeTransport({ clock, rng: seededRng(1) });
  admin = clientAs('admin');
  allowed = ['nodeclient', 'selfnodeclient'];
  const deps = { clock, rng: seededRng(2), log: silentLog };
  const informers = informersFor(admin, deps);
  const recorder = { event() {}, stop() {} } as never;
  const definitions = [certificateApproving, certificateSigning(ca), certificateCleanup];
  const loops = definitions.map((d) => new ControllerLoop({ client: admin, informers, recorder, ...deps }, d));
  informers.start();
  stop = () => {
    for (const loop of loops) loop.stop();
    informers.stop();
  };
});
afterEach(() => {
  stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Lets the virtual clock run until the promise is settled; the pauses are for the file system. */
async function settled<T>(promise: Promise<T>): Promise<T> {
  let open = true;
  const close = () => {
    open = false;
  };
  promise.then(close, close);
  for (let i = 0; open && i < 2_000; i++) {
    await clock.advance(10);
    await new Promise((resolve) => setImmediate(resolve));
    if (i > 20) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return promise;
}

const until = (condition: () => boolean) =>
  settled(
    (async () => {
      while (!condition()) await new Promise((resolve) => setImmediate(resolve));
    })(),
  );

const file = () => join(dir, 'kubelet.pem');
const connection = (client: ReturnType<typeof clientAs>) => ({ client, close() {} });
const joiner = () => clientAs('system:bootstrap:abcdef', 'system:bootstrappers');

describe('a node', () => {
  it('obtains its client certificate with a join token', async () => {
    const wanted = { purpose: 'client', nodeName: 'n1', file: file() } as const;
    const { cert } = await settled(obtainCertificate({ client: joiner(), clock }, wanted));
    expect(inspectCertificate(cert)).toMatchObject({
      commonName: 'system:node:n1',
      organizations: ['system:nodes'],
      extendedUsages: ['1.3.6.1.5.5.7.3.2'],
    });
    expect(isSignedBy(new X509Certificate(cert), new X509Certificate(ca.cert))).toBe(true);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(existsSync(`${file()}.pending-key`)).toBe(false);
  });

  it('goes on with the same request after a restart', async () => {
    allowed = [];
    const wanted = { purpose: 'client', nodeName: 'n1', file: file() } as const;
    const abort = new AbortController();
    const first = obtainCertificate({ client: joiner(), clock, signal: abort.signal }, wanted);
    first.catch(() => {});
    await clock.advance(1_000);
    abort.abort(new Error('killed'));
    await expect(first).rejects.toThrow('killed');
    allowed = ['nodeclient'];
    await settled(obtainCertificate({ client: joiner(), clock }, wanted));
    expect(fake.writes.filter((w) => w.verb === 'create')).toHaveLength(1);
  });

  it('gets a serving certificate for its own addresses', async () => {
    const status = { addresses: [{ type: 'InternalIP', address: '172.30.0.11' }] };
    await admin.create(nodes, { metadata: { name: 'n1' }, status } as never);
    await admin.update(nodes, { ...(await admin.get(nodes, { name: 'n1' })), status } as Node, {
      subresource: 'status',
    });
    const clientFor = (pair?: KeyPair) => connection(pair ? clientAs('system:node:n1', 'system:nodes') : joiner());
    const deps = { clientFor, clock, rng: seededRng(4), log: silentLog, onRenewed() {} };
    const certificates = new NodeCertificates(deps, { nodeName: 'n1', dir });
    await settled(certificates.client());
    const { cert } = await settled(certificates.serving(['172.30.0.11']));
    certificates.stop();
    expect(inspectCertificate(cert)).toMatchObject({ dnsNames: ['n1'], ipAddresses: ['172.30.0.11'] });
  });

  it('renews before the end, as itself', async () => {
    const renewed: KeyPair[] = [];
    const asked: (KeyPair | undefined)[] = [];
    const deps = {
      clientFor(current: KeyPair | undefined) {
        asked.push(current);
        return connection(current ? clientAs('system:node:n1', 'system:nodes') : joiner());
      },
      clock,
      rng: seededRng(3),
      log: silentLog,
      onRenewed: (pair: KeyPair) => renewed.push(pair),
    };
    const certificate = new NodeCertificate(deps, { purpose: 'client', nodeName: 'n1', file: file() });
    const first = await settled(certificate.start());
    expect(asked).toEqual([undefined]);
    const dueMs = renewalTimeMs(first.cert, { next: () => 1, bytes: () => new Uint8Array() }) - clock.now();
    clock.reset(clock.now() + dueMs - 1);
    await clock.advance(0);
    expect(renewed).toEqual([]);
    await clock.advance(60_000);
    await until(() => renewed.length > 0);
    expect(asked).toEqual([undefined, first]);
    expect(inspectCertificate(renewed[0]?.cert as string).notAfterMs).toBeGreaterThan(
      inspectCertificate(first.cert).notAfterMs,
    );
    certificate.stop();
    const again = new NodeCertificate(deps, { purpose: 'client', nodeName: 'n1', file: file() });
    expect(await again.start()).toEqual(renewed[0]);
    again.stop();
  });
});

describe('a node that has slept over the end of its certificates', () => {
  it('asks with the join token again, and for its serving certificate as itself', async () => {
    const status = { addresses: [{ type: 'InternalIP', address: '172.30.0.11' }] };
    await admin.create(nodes, { metadata: { name: 'n1' }, status } as never);
    await admin.update(nodes, { ...(await admin.get(nodes, { name: 'n1' })), status } as Node, {
      subresource: 'status',
    });
    const isValid = ({ cert }: KeyPair) => inspectCertificate(cert).notAfterMs > clock.now();
    const asked: string[] = [];
    const renewed = new Map<string, KeyPair>();
    const deps = {
      clientFor(pair: KeyPair | undefined) {
        asked.push(pair ? (isValid(pair) ? 'itself' : 'itself, expired') : 'token');
        return connection(pair ? clientAs('system:node:n1', 'system:nodes') : joiner());
      },
      clock,
      rng: seededRng(4),
      log: silentLog,
      onRenewed: (purpose: string, pair: KeyPair) => void renewed.set(purpose, pair),
    };
    const certificates = new NodeCertificates(deps, { nodeName: 'n1', dir });
    await settled(certificates.client());
    await settled(certificates.serving(['172.30.0.11']));
    expect(asked.splice(0)).toEqual(['token', 'itself']);
    clock.reset(clock.now() + 400 * 24 * hourMs);
    await clock.advance(60_000);
    await until(() => renewed.size === 2);
    expect(asked).toContain('token');
    expect([...renewed.values()].every(isValid)).toBe(true);
    certificates.stop();
  });
});

describe('requests', () => {
  it('are removed an hour after they were answered', async () => {
    await settled(obtainCertificate({ client: joiner(), clock }, { purpose: 'client', nodeName: 'n1', file: file() }));
    expect((await admin.list(certificatesigningrequests)).items).toHaveLength(1);
    await clock.advance(hourMs + 60_000);
    await until(() => fake.writes.at(-1)?.verb === 'delete');
    expect((await admin.list(certificatesigningrequests)).items).toEqual([]);
  });

  const request = (spec: object): CertificateSigningRequest => ({
    metadata: { name: 'r' },
    spec: {
      request: '',
      signerName: 'kubernetes.io/kubelet-serving',
      usages: ['digital signature', 'server auth'],
      ...spec,
    },
    status: {},
  });
  const info = {
    commonName: 'system:node:n1',
    organizations: ['system:nodes'],
    dnsNames: ['n1'],
    ipAddresses: ['10.0.0.1'],
    emailAddresses: [],
    uris: [],
  };
  const node = (name: string, ...addresses: string[]) =>
    ({
      metadata: { name },
      status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
    }) as Node;
  const own = { username: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };

  it('for clients and nodes may have the usages of their signer, and no others', () => {
    const problem = (signer: string, usages: string[], change: object = {}) =>
      signerProblem(request({ signerName: `kubernetes.io/${signer}`, usages }), { ...info, ...change });
    const nameless = { dnsNames: [], ipAddresses: [] };
    expect(problem('kube-apiserver-client', ['client auth'])).toBeUndefined();
    expect(problem('kube-apiserver-client', ['digital signature'])).toBe(
      'missing required usage for client certificate: client auth',
    );
    expect(problem('kube-apiserver-client', ['client auth', 'server auth'])).toBe(
      'invalid usage for client certificate: server auth',
    );
    expect(problem('kube-apiserver-client-kubelet', ['client auth', 'digital signature'], nameless)).toBeUndefined();
    expect(problem('kube-apiserver-client-kubelet', ['client auth'], nameless)).toBe(
      'usages did not match [client auth digital signature key encipherment]',
    );
    expect(problem('kubelet-serving', ['server auth', 'digital signature', 'client auth'])).toBe(
      'usages did not match [digital signature key encipherment server auth]',
    );
    expect(problem('legacy-unknown', ['code signing'])).toBeUndefined();
  });

  it('for serving are left to a person unless they name this node alone', () => {
    const type = (spec: object, change: object, ...all: Node[]) =>
      recognizeServing(request({ ...own, ...spec }), { ...info, ...change }, all).type;
    const n1 = node('n1', '10.0.0.1');
    expect(type({}, {}, n1)).toBe('approve');
    // Not registered yet: addresses that nobody has, but no names.
    expect(type({}, {})).toBe('approve');
    expect(type({}, {}, node('n2', '10.0.0.1'))).toBe('leave');
    expect(type({}, { dnsNames: ['kubernetes.default.svc'] })).toBe('leave');
    expect(type({}, { ipAddresses: ['10.0.0.9'] }, n1)).toBe('leave');
    expect(type({}, {}, n1, node('n2', '10.0.0.1'))).toBe('leave');
    expect(type({}, { dnsNames: ['kubernetes'] }, n1)).toBe('leave');
    expect(type({ username: 'system:node:n2' }, {}, n1)).toBe('leave');
    expect(type({ username: 'jane' }, {}, n1)).toBe('leave');
    expect(type({ usages: ['digital signature', 'server auth', 'client auth'] }, {}, n1)).toBe('leave');
  });

  it('break the rules of their signer', () => {
    const client = {
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', 'client auth'],
    };
    expect(signerProblem(request(client), { ...info, dnsNames: [], ipAddresses: [] })).toBeUndefined();
    expect(signerProblem(request(client), info)).toBe('DNS subjectAltNames are not allowed');
    expect(signerProblem(request({}), { ...info, organizations: ['system:masters'] })).toBe(
      'subject organization is not system:nodes',
    );
    expect(signerProblem(request({}), { ...info, commonName: 'jane' })).toContain('does not begin with system:node:');
  });

  it('get the life they ask for, within bounds', () => {
    const life = (expirationSeconds?: number) =>
      validityOf(request({ expirationSeconds }), ca, clock.now()).notAfterMs - clock.now();
    expect(life(7200)).toBe(2 * hourMs);
    expect(life(1)).toBe(600_000);
    expect(life()).toBe(365 * 24 * hourMs);
    expect(life(1e9)).toBe(365 * 24 * hourMs);
  });
});
