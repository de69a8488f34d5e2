import { describe, expect, it } from 'vitest';
import { servedGroups } from '../../api/generated/kinds.ts';
import { endpointslices, services } from '../../api/generated/resources.ts';
import type { APIService } from '../../api/generated/types.ts';
import { validateApiService } from '../../api/validation/api-service.ts';
import { remoteHeaders } from '../authn/request-header.ts';
import { FakeObjectReader } from '../object-reader.fake.ts';
import { passed, serviceProblem, withAvailability } from './availability.ts';
import { groupsInOrder } from './group-order.ts';
import { prioritiesOf } from './local-services.ts';
import { addedOpenApi, discoveredResources, openApiUrl } from './remote-documents.ts';

const remote = {
  metadata: { name: 'v1.fleet' },
  spec: {
    group: 'fleet',
    version: 'v1',
    groupPriorityMinimum: 100,
    versionPriority: 1,
    service: { namespace: 'ns', name: 'fleet', port: 443 },
  },
  status: {},
} satisfies APIService;

describe('the order of groups', () => {
  const other = (group: string, version: string, groupPriorityMinimum: number, versionPriority = 1) => ({
    ...{ group, version, groupPriorityMinimum, versionPriority },
  });

  it('of this server follows from their priorities', () => {
    const shown = groupsInOrder(servedGroups, [other('zz', 'v1', 1)]);
    expect(shown.slice(0, -1)).toEqual(servedGroups.map(({ group, versions }) => ({ group, versions })));
  });

  it('puts others between them by their priorities, then names; versions by theirs', () => {
    const own = [
      { group: 'apps', versions: ['v1'] },
      { group: 'test.io', versions: ['v2', 'v1'] },
    ];
    const others = [
      other('b', 'v1', 1000),
      other('a', 'v1', 2000),
      other('test.io', 'v3', 5, 200),
      other('a', 'v2', 1, 9),
    ];
    expect(groupsInOrder(own, others)).toEqual([
      { group: 'apps', versions: ['v1'] },
      { group: 'a', versions: ['v2', 'v1'] },
      { group: 'b', versions: ['v1'] },
      { group: 'test.io', versions: ['v3', 'v2', 'v1'] },
    ]);
  });

  it('numbers versions of one level apart', () => {
    const batch = { group: 'autoscaling', versions: ['v2', 'v1', 'v2beta1'] };
    expect(batch.versions.map((version) => prioritiesOf(batch, version).versionPriority)).toEqual([30, 15, 9]);
  });
});

describe('what an aggregated server lacks', () => {
  const slice = (endpoints: object[]) => ({
    metadata: { name: 'fleet-1', namespace: 'ns', labels: { 'kubernetes.io/service-name': 'fleet' } },
    ports: [{ name: 'https', port: 6443 }],
    endpoints,
  });

  it('is told in the order in which it is looked for', () => {
    const read = new FakeObjectReader();
    const problem = () => serviceProblem(remote, read);
    expect(problem()).toEqual({
      status: 'False',
      reason: 'ServiceNotFound',
      message: 'service/fleet in "ns" is not present',
    });
    const metadata = { name: 'fleet', namespace: 'ns' };
    read.put(services, { metadata, spec: { type: 'ClusterIP', ports: [{ port: 80 }] } });
    expect(problem()).toMatchObject({
      reason: 'ServicePortError',
      message: 'service/fleet in "ns" is not listening on port 443',
    });
    read.put(services, { metadata, spec: { type: 'ClusterIP', ports: [{ port: 443, name: 'https' }] } });
    expect(problem()).toMatchObject({
      reason: 'EndpointsNotFound',
      message: 'cannot find endpointslices for service/fleet in "ns"',
    });
    read.put(endpointslices, slice([{ addresses: ['10.0.0.1'], conditions: { ready: false } }]));
    expect(problem()).toMatchObject({
      reason: 'MissingEndpoints',
      message: 'endpointslices for service/fleet in "ns" have no addresses with port name "https"',
    });
    read.put(endpointslices, slice([{ addresses: ['10.0.0.1'], conditions: { ready: true } }]));
    expect(problem()).toBeUndefined();
    read.put(services, { metadata, spec: { type: 'ExternalName', externalName: 'elsewhere' } });
    expect(problem()).toBeUndefined();
  });

  it('is written once, and the time moves only when the answer turns', () => {
    const first = withAvailability(remote, passed, 't1') as APIService;
    expect(first.status.conditions).toEqual([{ type: 'Available', ...passed, lastTransitionTime: 't1' }]);
    expect(withAvailability(first, passed, 't2')).toBeUndefined();
    const other = withAvailability(first, { ...passed, reason: 'Local' }, 't2') as APIService;
    expect(other.status.conditions?.[0]).toMatchObject({ reason: 'Local', lastTransitionTime: 't1' });
    const failed = withAvailability(other, { status: 'False', reason: 'X', message: '' }, 't3') as APIService;
    expect(failed.status.conditions?.[0]).toMatchObject({ status: 'False', lastTransitionTime: 't3' });
  });
});

describe('documents of another server', () => {
  it.each(['', '[]', 'null', '{"kind":"Status"}', '{'])('that say nothing: %s', (text) => {
    expect(discoveredResources(text, { group: 'a', version: 'v1' })).toEqual([]);
    expect(openApiUrl(text, { group: 'a', version: 'v1' })).toBeUndefined();
  });

  it('give only what belongs to the group version', () => {
    const text = JSON.stringify({
      paths: { '/apis/a/v1/': {}, '/apis/a/v1/x': {}, '/apis/a/v10/x': {}, '/apis/b/v1/x': {} },
      definitions: { X: {} },
    });
    expect(addedOpenApi(text, { group: 'a', version: 'v1' })).toEqual({
      paths: [
        ['/apis/a/v1/', {}],
        ['/apis/a/v1/x', {}],
      ],
      definitions: [['X', {}]],
    });
  });
});

it('tells another server who asks', () => {
  const user = { name: 'olav', uid: '7', groups: ['a', 'b'], extra: { 'Example.org/Scopes': ['x', 'y'] } };
  expect(remoteHeaders(user)).toEqual({
    'x-remote-user': 'olav',
    'x-remote-uid': '7',
    'x-remote-group': ['a', 'b'],
    'x-remote-extra-example.org%2fscopes': ['x', 'y'],
  });
});

it('an APIService is refused in Kubernetes’ words', () => {
  const messages = (spec: object, name = 'v1.fleet') =>
    validateApiService({ ...remote, metadata: { name }, spec: { ...remote.spec, ...spec } }).map(
      ({ field, message }) => `${field}: ${message}`,
    );
  expect(messages({})).toEqual([]);
  expect(messages({}, 'x')).toEqual([
    'metadata.name: Invalid value: "x": must be `spec.version+"."+spec.group`: "v1.fleet"',
  ]);
  expect(messages({ groupPriorityMinimum: 20001, versionPriority: 0 })).toEqual([
    'spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000',
    'spec.versionPriority: Invalid value: 0: must be positive and less than 1000',
  ]);
  expect(messages({ service: undefined, caBundle: 'AAAA', insecureSkipTLSVerify: true })).toEqual([
    'spec.caBundle: Invalid value: "3 bytes": local APIServices may not have a caBundle',
    'spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify',
  ]);
  expect(messages({ service: { port: 0 } })).toEqual([
    'spec.service.namespace: Required value',
    'spec.service.name: Required value',
    'spec.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive',
  ]);
  expect(messages({ group: '', version: 'v2' }, 'v2.')).toEqual([
    'spec.group: Required value: only v1 may have an empty group and it better be legacy kube',
  ]);
});
