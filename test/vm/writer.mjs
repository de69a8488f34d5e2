/**
 * Runs in the guest: writes ConfigMaps over HTTPS, a few at a time, and says `ack NAME` of each that the server has said
 * yes to. Usage: node writer.mjs KUBECONFIG RUN
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { parse } from 'yaml';

const [, , file, run] = process.argv;
const { clusters, users } = parse(readFileSync(file, 'utf8'));
const bytes = (text) => Buffer.from(text, 'base64');
const agent = new Agent({
  keepAlive: true,
  ca: bytes(clusters[0].cluster['certificate-authority-data']),
  cert: bytes(users[0].user['client-certificate-data']),
  key: bytes(users[0].user['client-key-data']),
});
const url = `${clusters[0].cluster.server}/api/v1/namespaces/default/configmaps`;

function create(name) {
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { name } });
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      { method: 'POST', agent, headers: { 'Content-Type': 'application/json' } },
      (response) => {
        response.resume();
        response.on('end', () =>
          response.statusCode === 201 ? resolve() : reject(new Error(`${response.statusCode}`)),
        );
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

let next = 0;
async function writer() {
  for (;;) {
    const name = `write-${run}-${next++}`;
    await create(name);
    // The line has left this process when the next write begins.
    await new Promise((resolve) => process.stdout.write(`ack ${name}\n`, resolve));
  }
}

await Promise.all([writer(), writer(), writer(), writer()]);
