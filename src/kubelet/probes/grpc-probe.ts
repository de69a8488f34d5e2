import { credentials, makeClientConstructor } from '@grpc/grpc-js';
import type { Clock } from '../../base/clock.ts';

/**
 * One call of grpc.health.v1.Health/Check. The two messages are small enough to be read by hand: the request's field 1 is
 * the service's name, the answer's field 1 an enum whose 1 means serving.
 */
const Health = makeClientConstructor(
  {
    check: {
      path: '/grpc.health.v1.Health/Check',
      requestStream: false,
      responseStream: false,
      requestSerialize: (service: string) => {
        const name = Buffer.from(service);
        return name.length > 0 ? Buffer.concat([Buffer.from([0x0a, name.length]), name]) : Buffer.alloc(0);
      },
      requestDeserialize: (bytes: Buffer) => bytes.toString(),
      responseSerialize: () => Buffer.alloc(0),
      responseDeserialize: (bytes: Buffer) => (bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0),
    },
  },
  'Health',
);

const statusNames = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

type Check = (
  service: string,
  options: { deadline: number },
  done: (error: Error | null, status?: number) => void,
) => void;

export function checkGrpcHealth(
  input: { host: string; port: number; service?: string; timeoutMs: number },
  clock: Clock,
): Promise<{ isSuccess: boolean; output: string }> {
  const { host, port, service = '', timeoutMs } = input;
  const client = new Health(`${host}:${port}`, credentials.createInsecure());
  const check = client['check'] as unknown as Check;
  return new Promise((resolve) => {
    check.call(client, service, { deadline: clock.now() + timeoutMs }, (error, status = 0) => {
      client.close();
      if (error) resolve({ isSuccess: false, output: `error: health rpc probe failed: ${error.message}` });
      else if (status === 1) resolve({ isSuccess: true, output: 'service healthy' });
      else
        resolve({ isSuccess: false, output: `service unhealthy (responded with "${statusNames[status] ?? status}")` });
    });
  });
}
