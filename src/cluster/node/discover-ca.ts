import { request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { parse } from 'yaml';
import { pinnedCertificate } from '../../pki/certificate.ts';

interface ClusterInfo {
  data?: { kubeconfig?: string };
}

interface Kubeconfig {
  clusters?: { cluster?: { 'certificate-authority-data'?: string } }[];
}

/** Far more than a configuration of one cluster takes. */
const maxBytes = 256 * 1024;

/**
 * The cluster's CA, as the server itself publishes it (configmap kube-public/cluster-info), accepted only when it has the
 * pinned hash: what a joining machine can do before it can verify anything (kubeadm's discovery by token and CA hash).
 */
export async function discoverCa(server: string, hash: string): Promise<string> {
  const url = new URL('/api/v1/namespaces/kube-public/configmaps/cluster-info', server);
  const info = JSON.parse(await fetchUnverified(url)) as ClusterInfo;
  const config = parse(info.data?.kubeconfig ?? '') as Kubeconfig;
  const bundle = Buffer.from(config.clusters?.[0]?.cluster?.['certificate-authority-data'] ?? '', 'base64');
  const ca = pinnedCertificate(bundle.toString('utf8'), hash);
  if (!ca) throw new Error(`the server at ${server} does not have the CA with the hash ${hash}`);
  return ca;
}

function fetchUnverified(url: URL): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(url, { rejectUnauthorized: false, timeout: 10_000, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxBytes) call.destroy(new Error('the cluster information is too long'));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        (response.socket as TLSSocket).destroy();
        const text = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) resolve(text);
        else
          reject(
            new Error(`the server answered ${response.statusCode} to the question for its CA: ${text.slice(0, 200)}`),
          );
      });
    });
    call.on('timeout', () => call.destroy(new Error(`no answer from ${url.host}`)));
    call.on('error', reject);
    call.end();
  });
}
