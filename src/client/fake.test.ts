import { realClock } from '../base/clock.ts';
import { seededRng } from '../base/rng.ts';
import { FakeTransport } from './fake.ts';
import { transportContract } from './transport.contract.ts';
import { createClient } from './typed-client.ts';

transportContract('fake', async () => {
  const transport = new FakeTransport({ clock: realClock, rng: seededRng(1) });
  return { client: createClient(transport), compact: () => transport.compact(), close() {} };
});
