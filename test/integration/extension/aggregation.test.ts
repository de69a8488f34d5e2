import { request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issueCertificate } from '../../../src/pki/issue.ts';
import { AggregatedServer } from './aggregated-server.ts';
import { type ApiKubectl, kubectlFor } from './api-kubectl.ts';
import { ApiProcess } from './api-process.ts';
import { exposeOnService } from './service-endpoint.ts';

const services = '/apis/apiregistration.k8s.io/v1/apiservices';
const boats = '/apis/fleet.test.io/v1/namespaces/default/boats';
const v2 = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
type Group = { metadata: { name: string }; versions: { freshness: string }[] };
const fleetIn = (groups: Group[]) => groups.find(({ metadata }) => metadata.name === 'fleet.test.io');

/** A server of ours behind a Service, reached through the cluster's API server. */
describe('an aggregated API server', () => {
  let server: ApiProcess;
  let fleet: AggregatedServer;
  let kubectl: ApiKubectl;

  const register = (more: object) => ({
    metadata: { name: 'v1.fleet.test.io' },
    spec: { group: 'fleet.test.io', version: 'v1', groupPriorityMinimum: 2000, versionPriority: 10, ...more },
  });
  const condition = async () =>
    (await server.get(`${services}/v1.fleet.test.io`)).body.status.conditions?.find(
      ({ type }: { type: string }) => type === 'Available',
    );
  const become = (reason: string) =>
    server.until(`${services}/v1.fleet.test.io`, ({ body }) => body.status?.conditions?.[0]?.reason === reason);
  const behind = { namespace: 'default', name: 'fleet' };

  beforeAll(async () => {
    server = await ApiProcess.start();
    fleet = await AggregatedServer.start(server.pki.frontProxy.ca.cert, ['fleet.default.svc']);
    kubectl = await kubectlFor(server);
  });
  afterAll(async () => {
    await server.close();
    await fleet.close();
    kubectl.close();
  });

  it('has what it needs to trust the front proxy', async () => {
    const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
    expect((await server.get(path)).body.data).toEqual({
      'client-ca-file': server.pki.ca.cert,
      'requestheader-client-ca-file': server.pki.frontProxy.ca.cert,
      'requestheader-allowed-names': '["front-proxy-client"]',
      'requestheader-username-headers': '["X-Remote-User"]',
      'requestheader-uid-headers': '["X-Remote-Uid"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    });
  });

  it('an aggregated server may ask who somebody is and what he may, once it is a delegator', async () => {
    const accounts = '/api/v1/namespaces/default/serviceaccounts';
    await server.post(accounts, { metadata: { name: 'fleet' } });
    const { token } = (await server.post(`${accounts}/fleet/token`, { spec: {} })).body.status;
    const headers = { authorization: `Bearer ${token}` };
    const review = (group: string, kind: string, spec: object) =>
      server.anonymously('POST', `/apis/${group}/v1/${kind.toLowerCase()}s`, {
        body: { apiVersion: `${group}/v1`, kind, spec },
        headers,
      });
    const who = () => review('authentication.k8s.io', 'TokenReview', { token });
    const attributes = { verb: 'get', resource: 'pods' };
    const may = () =>
      review('authorization.k8s.io', 'SubjectAccessReview', { user: 'olav', resourceAttributes: attributes });
    const trust = () =>
      server.anonymously('GET', '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication', {
        headers,
      });
    expect((await Promise.all([who(), may(), trust()])).map(({ status }) => status)).toEqual([403, 403, 403]);
    const subjects = [{ kind: 'ServiceAccount', namespace: 'default', name: 'fleet' }];
    const roleRef = (kind: string, name: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    await server.post(`${rbac}/clusterrolebindings`, {
      ...{ metadata: { name: 'fleet' }, subjects, roleRef: roleRef('ClusterRole', 'system:auth-delegator') },
    });
    await server.post(`${rbac}/namespaces/kube-system/rolebindings`, {
      ...{
        metadata: { name: 'fleet' },
        subjects,
        roleRef: roleRef('Role', 'extension-apiserver-authentication-reader'),
      },
    });
    const [known, allowed, read] = await Promise.all([who(), may(), trust()]);
    expect(known?.body.status.user.username).toBe('system:serviceaccount:default:fleet');
    expect([allowed?.status, allowed?.body.status.allowed, read?.status]).toEqual([201, false, 200]);
  });

  it('built-in group versions are local and available', async () => {
    const { body } = await server.get(`${services}/v1.apps`);
    expect(body).toMatchObject({
      metadata: { labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' } },
      spec: { group: 'apps', version: 'v1', groupPriorityMinimum: 17800, versionPriority: 15 },
    });
    expect(body.status.conditions).toEqual([
      {
        type: 'Available',
        status: 'True',
        reason: 'Local',
        message: 'Local APIServices are always available',
        lastTransitionTime: body.metadata.creationTimestamp,
      },
    ]);
    expect((await kubectl('get apiservices v1. v1.apps')).out).toMatch(
      /^NAME +SERVICE +AVAILABLE +AGE\nv1\. +Local +True +\d+s\nv1\.apps +Local +True +\d+s\n$/,
    );
  });

  it('says step by step what is missing until it can be used', async () => {
    const caBundle = Buffer.from(fleet.ca).toString('base64');
    expect((await server.post(services, register({ service: behind, caBundle }))).status).toBe(201);
    await become('ServiceNotFound');
    expect(await condition()).toMatchObject({ status: 'False', message: 'service/fleet in "default" is not present' });
    const refused = await server.get(boats);
    expect([refused.status, refused.body]).toEqual([503, 'service unavailable\n']);
    await exposeOnService(server, 'fleet', fleet.port);
    await become('Passed');
    expect(await condition()).toMatchObject({ status: 'True', message: 'all checks passed' });
    expect(fleet.asked[0]).toMatchObject({
      path: '/apis/fleet.test.io/v1',
      caller: 'front-proxy-client',
      headers: { 'x-remote-user': 'system:kube-aggregator', 'x-remote-group': 'system:masters' },
    });
  });

  it('is told who asks, and nothing that the client made up', async () => {
    fleet.asked.length = 0;
    const headers = {
      'impersonate-user': 'olav',
      'impersonate-uid': '7',
      'impersonate-extra-scopes%2fa': 'x',
      'x-remote-user': 'root',
      'x-remote-group': 'system:masters',
    };
    const bound = { name: 'boats', rules: [{ apiGroups: ['fleet.test.io'], resources: ['boats'], verbs: ['get'] }] };
    await server.post('/apis/rbac.authorization.k8s.io/v1/clusterroles', { metadata: bound, rules: bound.rules });
    const denied = await server.get(`${boats}/knarr`, headers);
    expect([denied.status, denied.body.message]).toEqual([
      403,
      'boats.fleet.test.io "knarr" is forbidden: User "olav" cannot get resource "boats" in API group "fleet.test.io" in the namespace "default"',
    ]);
    await server.post('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'boats' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'boats' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'olav' }],
    });
    const answer = await server.get(`${boats}/knarr`, headers);
    expect([answer.status, answer.body.kind]).toEqual([200, 'Boat']);
    // The API server itself may look whether the other one is there, at any time.
    const [asked, ...more] = fleet.asked.filter(({ path }) => path === `${boats}/knarr`);
    expect(more).toEqual([]);
    expect(asked?.headers).toMatchObject({
      'x-remote-user': 'olav',
      'x-remote-uid': '7',
      'x-remote-group': 'system:authenticated',
      'x-remote-extra-scopes%2fa': 'x',
    });
    expect(Object.keys(asked?.headers ?? {}).filter((name) => /^impersonate|authorization/.test(name))).toEqual([]);
  });

  it('has its objects made, listed and deleted through the cluster', async () => {
    const names = async () =>
      (await server.get(boats)).body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
    const faering = {
      apiVersion: 'fleet.test.io/v1',
      kind: 'Boat',
      metadata: { name: 'faering', namespace: 'default' },
    };
    const made = await server.post(boats, faering);
    expect([made.status, made.body]).toEqual([201, faering]);
    expect(await names()).toEqual(['knarr', 'faering']);
    expect((await server.send('DELETE', `${boats}/faering`)).status).toBe(200);
    expect((await server.get(`${boats}/faering`)).status).toBe(404);
    expect(await kubectl('create -f -', JSON.stringify(faering))).toEqual({
      code: 0,
      out: 'boat.fleet.test.io/faering created\n',
    });
    expect(await names()).toEqual(['knarr', 'faering']);
    expect((await kubectl('delete boat faering --wait=false')).code).toBe(0);
    expect(await names()).toEqual(['knarr']);
  });

  it('is in discovery, plain and aggregated, and in OpenAPI', async () => {
    const groups = (await server.get('/apis')).body.groups.map(({ name }: { name: string }) => name);
    expect(groups).toContain('fleet.test.io');
    expect((await server.get('/apis/fleet.test.io')).body.preferredVersion).toEqual({
      groupVersion: 'fleet.test.io/v1',
      version: 'v1',
    });
    const whole = await server.get('/apis', { accept: v2 });
    expect(fleetIn(whole.body.items)).toEqual({
      metadata: { name: 'fleet.test.io' },
      versions: [
        {
          version: 'v1',
          freshness: 'Current',
          resources: [
            {
              resource: 'boats',
              responseKind: { group: 'fleet.test.io', version: 'v1', kind: 'Boat' },
              scope: 'Namespaced',
              singularResource: 'boat',
              verbs: ['get', 'list', 'create', 'delete'],
              shortNames: ['bo'],
              subresources: [
                {
                  subresource: 'rudder',
                  responseKind: { group: 'fleet.test.io', version: 'v1', kind: 'Boat' },
                  verbs: ['get'],
                },
              ],
            },
          ],
        },
      ],
    });
    const again = await server.get('/apis', { accept: v2, 'if-none-match': String(whole.headers.etag) });
    expect(again.status).toBe(304);
    const index = (await server.get('/openapi/v3')).body.paths['apis/fleet.test.io/v1'];
    expect((await server.get(index.serverRelativeURL)).body.info.title).toBe('fleet');
    const { paths, definitions } = (await server.get('/openapi/v2')).body;
    expect(paths[`/apis/fleet.test.io/v1/namespaces/{namespace}/boats`].get.operationId).toBe('listBoats');
    expect(paths['/apis/other.test.io/v1/things']).toBeUndefined();
    expect(definitions['io.test.fleet.v1.Boat']).toEqual({ type: 'object' });
    expect(definitions['io.k8s.api.core.v1.Pod']).toBeDefined();
  });

  it('is found, listed and explained by kubectl', async () => {
    expect((await kubectl('get bo -o name')).out).toBe('boat.fleet.test.io/knarr\n');
    expect((await kubectl('explain boats.hull')).out).toContain('What it is made of.');
  });

  it('carries watches and upgrades', async () => {
    const { cert, key } = server.pki.admin;
    const at = { host: '127.0.0.1', port: server.port, ca: server.pki.ca.cert, cert, key };
    const event = await new Promise<string>((resolve, reject) => {
      const sent = httpsRequest({ ...at, path: `${boats}?watch=true` }, (response) =>
        response.once('data', (chunk: Buffer) => {
          sent.destroy();
          resolve(chunk.toString());
        }),
      );
      sent.on('error', reject).end();
    });
    expect(JSON.parse(event)).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'knarr' } } });
    const headers = { connection: 'Upgrade', upgrade: 'echo', 'x-remote-user': 'root' };
    const echoed = await new Promise<string>((resolve, reject) => {
      const sent = httpsRequest({ ...at, path: `${boats}/knarr/rudder`, headers });
      sent.on('upgrade', (_response, socket) => {
        socket.once('data', (chunk: Buffer) => {
          socket.destroy();
          resolve(chunk.toString());
        });
        socket.write('starboard');
      });
      sent.on('error', reject).end();
    });
    expect(echoed).toBe('starboard');
    expect(fleet.asked.at(-1)?.headers['x-remote-user']).toBe('kubernetes-admin');
  });

  it('is not believed with another certificate than its caBundle signs, unless told not to look', async () => {
    const path = `${services}/v1.fleet.test.io`;
    const json = 'merge-patch+json';
    await server.patch(path, { spec: { caBundle: Buffer.from(server.pki.ca.cert).toString('base64') } }, json);
    await become('FailedDiscoveryCheck');
    expect((await condition()).message).toMatch(
      /^failing or missing response from https:\/\/[\d.]+:\d+\/apis\/fleet\.test\.io\/v1: /,
    );
    const stale = await server.get('/apis', { accept: v2 });
    expect(fleetIn(stale.body.items)?.versions[0]?.freshness).toBe('Stale');
    const both = await server.patch(path, { spec: { insecureSkipTLSVerify: true } }, json);
    expect([both.status, both.body.details.causes[0].message]).toEqual([
      422,
      'Invalid value: true: may not be true if caBundle is present',
    ]);
    await server.patch(path, { spec: { insecureSkipTLSVerify: true, caBundle: null } }, json);
    await become('Passed');
    expect((await server.get(`${boats}/knarr`)).status).toBe(200);
  });

  it('its APIService is patched, and has a status that others may add to', async () => {
    const path = `${services}/v1.fleet.test.io`;
    const patched = await server.patch(path, {
      metadata: { labels: { fleet: 'yes' } },
      spec: { versionPriority: 400 },
    });
    expect([patched.status, patched.body.spec.versionPriority]).toEqual([200, 400]);
    const read = await server.get(`${path}/status`);
    expect(read.body.status.conditions).toMatchObject([{ type: 'Available', status: 'True' }]);
    const added = (type: string) => ({ type, status: 'True', reason: 'E2E', message: 'set by a test' });
    const conditions = [...read.body.status.conditions, added('StatusUpdated')];
    const updated = await server.put(`${path}/status`, { ...read.body, status: { conditions } });
    expect(updated.body.status.conditions).toMatchObject(conditions);
    const more = { status: { conditions: [...conditions, added('StatusPatched')] } };
    expect((await server.patch(`${path}/status`, more)).body.status.conditions).toMatchObject(more.status.conditions);
    expect((await server.get(`${services}?labelSelector=fleet=yes`)).body.items).toMatchObject([
      { metadata: { name: 'v1.fleet.test.io' }, spec: { versionPriority: 400 } },
    ]);
  });

  it('is gone with its APIService', async () => {
    await server.send('DELETE', `${services}?labelSelector=fleet=yes`);
    expect((await server.get(boats)).status).toBe(404);
    expect((await server.get('/apis/fleet.test.io')).status).toBe(404);
  });

  it('an APIService stands for each version of custom resources, as long as it is served', async () => {
    const version = (name: string, storage: boolean) => ({
      name,
      storage,
      served: true,
      schema: { openAPIV3Schema: { type: 'object' } },
    });
    await server.define({
      metadata: { name: 'oars.test.io' },
      spec: {
        group: 'test.io',
        scope: 'Namespaced',
        names: { plural: 'oars', kind: 'Oar' },
        versions: [version('v1', true), version('v2', false)],
      },
    } as { metadata: { name: string } });
    const made = await server.until(`${services}/v2.test.io`, ({ status }) => status === 200);
    expect(made.body).toMatchObject({
      metadata: { labels: { 'kube-aggregator.kubernetes.io/automanaged': 'true' } },
      spec: { groupPriorityMinimum: 1000, versionPriority: 100 },
      status: { conditions: [{ type: 'Available', reason: 'Local' }] },
    });
    const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/oars.test.io';
    await server.send('DELETE', definitions);
    await server.until(`${services}/v2.test.io`, ({ status }) => status === 404);
  });
});

describe('what another server says of who asks', () => {
  it('is taken from the front proxy alone', async () => {
    const server = await ApiProcess.start();
    const { frontProxy, ca, admin } = server.pki;
    const dates = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 60_000 };
    const stranger = await issueCertificate(frontProxy.ca, {
      commonName: 'somebody',
      usages: ['client auth'],
      ...dates,
    });
    const ask = (pair: { cert: string; key: string }): Promise<number | string> =>
      new Promise((resolve, reject) => {
        const headers = {
          'x-remote-user': 'olav',
          'x-remote-group': ['a, b', 'c'],
          'content-type': 'application/json',
        };
        const at = { host: '127.0.0.1', port: server.port, ca: ca.cert, ...pair, headers, method: 'POST' };
        const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
        const sent = httpsRequest({ ...at, path, agent: false }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const { status } = JSON.parse(Buffer.concat(chunks).toString());
            resolve(response.statusCode === 201 ? JSON.stringify(status.userInfo) : (response.statusCode ?? 0));
          });
        });
        sent.on('error', reject).end('{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}');
      });
    expect(await ask(frontProxy.client)).toBe('{"username":"olav","groups":["a, b","c","system:authenticated"]}');
    expect(await ask(stranger)).toBe(401);
    expect(await ask(admin)).toContain('"username":"kubernetes-admin"');
    await server.close();
  });
});
