import { describe, expect, it } from 'vitest';
import type { ContainerStatus, CreateContainerRequest, ListPodSandboxResponse } from '../api/generated/cri.ts';
import { criDescriptor } from '../api/generated/cri.ts';
import { ProtobufSchema } from '../rpc/protobuf.ts';

const schema = new ProtobufSchema(criDescriptor);

describe('protobuf codecs of the CRI', () => {
  it('take and give camelCase names, enums as strings, 64-bit integers as numbers, maps and bytes', () => {
    const codec = schema.codec<CreateContainerRequest>('runtime.v1.CreateContainerRequest');
    const request: CreateContainerRequest = {
      podSandboxId: 's',
      config: {
        metadata: { name: 'c', attempt: 2 },
        CDIDevices: [{ name: 'vendor/x' }],
        envs: [{ key: 'A', value: Buffer.from('ä') }],
        labels: { a: 'b' },
        linux: {
          resources: { memoryLimitInBytes: 5 * 2 ** 40, cpuQuota: -1 },
          securityContext: {
            namespaceOptions: { network: 'NODE', pid: 'CONTAINER', ipc: 'POD' },
            runAsUser: { value: 1000 },
          },
        },
      },
    };
    expect(codec.decode(codec.encode(request))).toMatchObject(request);
  });

  it('are on the wire what the specification says', () => {
    const codec = schema.codec<ContainerStatus>('runtime.v1.ContainerStatus');
    // id = 1: "x"; state = 3: CONTAINER_EXITED; created_at = 4: 300
    expect(codec.encode({ id: 'x', state: 'CONTAINER_EXITED', createdAt: 300 }).toString('hex')).toBe(
      '0a0178180220ac02',
    );
  });

  it('fill in the zeros that mean something, also deep inside, and leave the others out', () => {
    const codec = schema.codec<ListPodSandboxResponse>('runtime.v1.ListPodSandboxResponse');
    const { items } = codec.decode(codec.encode({ items: [{ id: 'a' }] }));
    expect(items).toEqual([{ id: 'a', state: 'SANDBOX_READY' }]);
    const status = schema.codec<ContainerStatus>('runtime.v1.ContainerStatus');
    expect(status.decode(Buffer.alloc(0))).toMatchObject({ state: 'CONTAINER_CREATED', exitCode: 0 });
    expect(status.decode(Buffer.alloc(0))).not.toHaveProperty('startedAt');
  });

  it('skip fields a later version added', () => {
    const codec = schema.codec<ContainerStatus>('runtime.v1.ContainerStatus');
    const later = Buffer.concat([codec.encode({ id: 'x' }), Buffer.from('c23e0179', 'hex')]);
    expect(codec.decode(later).id).toBe('x');
  });

  it('know the paths of the methods', () => {
    expect(schema.methods('runtime.v1.ImageService').get('PullImage')?.path).toBe('/runtime.v1.ImageService/PullImage');
  });
});
