import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { configmaps, namespaces } from '../../api/generated/resources.ts';
import { startTestServer, type TestServer } from '../replay/server.fake.ts';
import { type Attributes, type Decision, isResource } from './attributes.ts';

/** A whole server whose requests wait for somebody outside; the administrator acts as jane, for whom nobody else is asked. */
let server: TestServer;
let decide: (attributes: Attributes) => Decision;
const asked: Attributes[] = [];
const no: Decision = { allowed: false, reason: '' };

beforeAll(async () => {
  server = await startTestServer();
  await server.admin.create(namespaces, { metadata: { name: 't' } });
  await server.admin.create(configmaps, { metadata: { namespace: 't', name: 'a' } });
  const { authorizer } = server.api.context;
  authorizer.configure([
    {
      name: 'outside',
      async authorize(_user, attributes) {
        asked.push(attributes);
        await new Promise((resolve) => setImmediate(resolve));
        return decide(attributes);
      },
    },
  ]);
});
afterAll(() => server.close());
beforeEach(() => {
  asked.length = 0;
  decide = () => ({ allowed: true, reason: '' });
});

const asJane = { 'impersonate-user': 'jane', 'content-type': 'application/json' };
interface Answer {
  status: number;
  text: string;
  message: string;
}

async function send(method: string, path: string, body?: object): Promise<Answer> {
  const answer = await server.send({
    ...{ method, path, headers: asJane },
    body: body && JSON.stringify(body),
    ...(path.includes('watch=1') ? { enough: (bytes: Buffer) => bytes.includes('\n') } : {}),
  });
  const text = answer.body.toString();
  const { message = '' } =
    answer.status >= 400 && text.startsWith('{') ? (JSON.parse(text) as Answer) : { message: '' };
  return { status: answer.status, text, message };
}

const collection = '/api/v1/namespaces/t/configmaps';
const cases: [string, string, string, object?][] = [
  ['a read', 'GET', `${collection}/a`],
  ['a list', 'GET', collection],
  ['a watch', 'GET', `${collection}?watch=1`],
  ['a write', 'POST', `${collection}?dryRun=All`, { metadata: { name: 'b' } }],
  ['a path', 'GET', '/version'],
  ['a log', 'GET', '/api/v1/namespaces/t/pods/p/log'],
  ['a proxy', 'GET', '/api/v1/namespaces/t/services/s/proxy/x'],
  ['what is not there', 'GET', '/apis/no.such/v1/things'],
];

describe('a server that asks somebody outside', () => {
  it.each(cases)('lets %s through when it is told so', async (_, method, path, body) => {
    const { status, text } = await send(method, path, body);
    expect([200, 201, 404], text).toContain(status);
    expect(asked).toHaveLength(1);
  });

  it.each(cases)('refuses %s when it is told so', async (_, method, path, body) => {
    decide = () => ({ ...no, denied: true, reason: 'not today' });
    const { status, message } = await send(method, path, body);
    expect(status).toBe(403);
    expect(message).toMatch(/User "jane" cannot .*: not today$/);
  });

  it.each(cases)('says of %s that nobody could say', async (_, method, path, body) => {
    decide = () => ({ ...no, error: 'Post "https://hook": gone' });
    const { status, message } = await send(method, path, body);
    expect([status, message]).toEqual([500, 'Internal error occurred: Post "https://hook": gone']);
  });

  it('names what it asks about', async () => {
    await send('GET', `${collection}?labelSelector=a%3D1&fieldSelector=metadata.name%3Da`);
    const [attributes] = asked;
    expect(attributes && isResource(attributes)).toBe(true);
    expect(attributes).toMatchObject({
      ...{ verb: 'list', group: '', version: 'v1', resource: 'configmaps', namespace: 't', name: 'a' },
      ...{ labelSelector: 'a=1', fieldSelector: 'metadata.name=a' },
    });
  });

  it('says in a review how it was decided', async () => {
    decide = (attributes) =>
      isResource(attributes) && attributes.resource === 'secrets'
        ? { ...no, denied: true, reason: 'no' }
        : { allowed: true, reason: '' };
    const spec = { resourceAttributes: { verb: 'get', resource: 'secrets', namespace: 't' } };
    const { text } = await send('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { spec });
    expect(JSON.parse(text)).toMatchObject({ status: { allowed: false, denied: true, reason: 'no' } });
  });

  it('counts by how it was decided', () => {
    const text = server.api.context.metrics.metrics.text();
    for (const result of ['allowed', 'denied', 'error'])
      expect(text).toMatch(new RegExp(`authorization_attempts_total{result="${result}"} [1-9]`));
  });
});
