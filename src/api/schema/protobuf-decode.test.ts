import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs/light.js';
import { describe, expect, it } from 'vitest';
import { decodeProtobuf } from './protobuf-decode.ts';

// The oracle: protobufjs with Kubernetes' own message definitions.
const facts = join(import.meta.dirname, '../../../facts/proto.json');
const root = protobuf.Root.fromJSON(JSON.parse(readFileSync(facts, 'utf8')));

function encode(apiVersion: string, kind: string, message: string, object: object): Buffer {
  const type = root.lookupType(message);
  const raw = type.encode(type.fromObject(object)).finish();
  const unknown = root.lookupType('k8s.io.apimachinery.pkg.runtime.Unknown');
  const wrapped = unknown.encode(unknown.fromObject({ typeMeta: { apiVersion, kind }, raw })).finish();
  return Buffer.concat([Buffer.from('k8s\0'), wrapped]);
}

describe('decodeProtobuf', () => {
  it('gives the JSON form of a pod', () => {
    const bytes = encode('v1', 'Pod', 'k8s.io.api.core.v1.Pod', {
      metadata: {
        name: 'p',
        labels: { app: 'web', empty: '' },
        creationTimestamp: { seconds: 1_767_225_600 },
        managedFields: [{ manager: 'm', fieldsV1: { Raw: Buffer.from('{"f:data":{}}') } }],
      },
      spec: {
        terminationGracePeriodSeconds: 5,
        containers: [
          {
            name: 'c',
            image: 'i',
            resources: { limits: { cpu: { string: '500m' } } },
            livenessProbe: { handler: { httpGet: { path: '/', port: { type: 1, strVal: 'http' } } }, periodSeconds: 3 },
            ports: [{ containerPort: 80 }, { containerPort: 81, protocol: 'UDP' }],
          },
        ],
        volumes: [{ name: 'v', volumeSource: { emptyDir: { medium: 'Memory' } } }],
        securityContext: { supplementalGroups: [1, 2] },
      },
    });
    expect(decodeProtobuf(bytes)).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'p',
        labels: { app: 'web', empty: '' },
        creationTimestamp: '2026-01-01T00:00:00Z',
        managedFields: [{ manager: 'm', fieldsV1: { 'f:data': {} } }],
      },
      spec: {
        terminationGracePeriodSeconds: 5,
        containers: [
          {
            name: 'c',
            image: 'i',
            resources: { limits: { cpu: '500m' } },
            livenessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 3 },
            ports: [{ containerPort: 80 }, { containerPort: 81, protocol: 'UDP' }],
          },
        ],
        volumes: [{ name: 'v', emptyDir: { medium: 'Memory' } }],
        securityContext: { supplementalGroups: [1, 2] },
      },
    });
  });

  it('reads secrets, access reviews and options', () => {
    const secret = encode('v1', 'Secret', 'k8s.io.api.core.v1.Secret', { data: { a: Buffer.from('xyz') } });
    expect(decodeProtobuf(secret)).toMatchObject({ data: { a: 'eHl6' } });
    const kind = 'SubjectAccessReview';
    const review = encode('authorization.k8s.io/v1', kind, `k8s.io.api.authorization.v1.${kind}`, {
      spec: { user: 'u', extra: { k: { items: ['1', '2'] } } },
    });
    expect(decodeProtobuf(review)).toMatchObject({ spec: { user: 'u', extra: { k: ['1', '2'] } } });
    const name = 'k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions';
    const options = encode('apps/v1', 'DeleteOptions', name, { gracePeriodSeconds: 0, dryRun: ['All'] });
    expect(decodeProtobuf(options)).toMatchObject({ gracePeriodSeconds: 0, dryRun: ['All'] });
  });

  it('refuses what is not an object', () => {
    const reason = expect.objectContaining({ reason: 'BadRequest' });
    expect(() => decodeProtobuf(Buffer.from('{}'))).toThrow(reason);
    const pod = encode('v1', 'Pod', 'k8s.io.api.core.v1.Pod', { metadata: { name: 'p' } });
    expect(() => decodeProtobuf(pod.subarray(0, pod.length - 3))).toThrow(reason);
    expect(() => decodeProtobuf(encode('v9', 'Pod', 'k8s.io.api.core.v1.Pod', {}))).toThrow(reason);
  });
});
