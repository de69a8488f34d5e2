import { afterAll, beforeAll, expect, it } from 'vitest';
import { namespacesOf, preparations } from '../../src/apiserver/replay/preparations.ts';
import { modernized, Replay } from '../../src/apiserver/replay/replay.fake.ts';
import {
  type RawAnswer,
  type RawRequest,
  startTestServer,
  type TestServer,
} from '../../src/apiserver/replay/server.fake.ts';
import { transcript } from '../../src/apiserver/replay/transcript.ts';
import { seededRng } from '../../src/base/rng.ts';
import { Generator } from './generator.ts';

/** The seed of every day; a long run goes through many. */
const seed = 20_260_101;
const requests = process.env.KNARR_TEST_LONG ? 1_000_000 : 4000;
const atOnce = 16;
const hangMs = 10_000;

const files = ['errors', 'defaults', 'patch', 'apply', 'subresources', 'delete', 'watch', 'tables', 'discovery'];
const seeds = files.flatMap((file) => transcript(file).map(modernized));

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  const replay = new Replay(server);
  for (const name of new Set(['default', ...Object.values(namespacesOf).flat()])) {
    await replay.prepare('POST', '/api/v1/namespaces', { metadata: { name } });
    await replay.prepare('POST', `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: 'default' } });
  }
  const steps = Object.values(preparations).flatMap((file) => Object.values(file).flat());
  for (const [method, path, body] of steps) if (method === 'POST') await replay.prepare(method, path, body);
});
afterAll(() => server.close());

/** Ours is what the server did not foresee; the other answers from 500 on are those of Kubernetes, too. */
function fault({ status, body }: RawAnswer, { enough }: RawRequest): string | undefined {
  const text = body.toString('utf8');
  // Of a watch no more is read than that it answered.
  const isSilent = text === '' && !enough;
  return status >= 500 && (text.includes('InternalError') || isSilent) ? text : undefined;
}

const shown = ({ method, path, headers, body }: RawRequest): string =>
  JSON.stringify({ method, path, headers, body: body?.toString('base64') });

async function ask(request: RawRequest): Promise<string | undefined> {
  let cancel: NodeJS.Timeout | undefined;
  const hang = new Promise<string>((resolve) => {
    cancel = setTimeout(() => resolve(`no answer within ${hangMs} ms`), hangMs);
  });
  // A connection is closed after many frames that are not valid, which is the protocol's own defence: another is opened.
  const send = () => server.send(request).then((answer) => fault(answer, request));
  const answered = send()
    .catch(send)
    .catch((error: Error) => error.message);
  const found = await Promise.race([answered, hang]);
  clearTimeout(cancel);
  return found;
}

it(`${requests} bad requests: never a fault, a hang or a change`, async () => {
  const generator = new Generator(seededRng(seed), seeds);
  const { store } = server.api.context;
  const before = store.revision;
  /** One request for each thing that went wrong. */
  const found = new Map<string, string>();
  const recent: RawRequest[] = [];
  let left = requests;
  const worker = async () => {
    while (left-- > 0 && found.size < 20) {
      const request = generator.next();
      const wrong = await ask(request);
      if (wrong) found.set(wrong, shown(request));
      recent.push(request);
      if (recent.length > 2 * atOnce) recent.shift();
      if (store.revision !== before) {
        found.set(`a change: ${before} → ${store.revision}`, recent.map(shown).join('\n'));
        left = 0;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  expect(found).toEqual(new Map());
});
