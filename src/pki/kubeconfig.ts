import { stringify } from 'yaml';

export interface KubeconfigOptions {
  /** Name of cluster and context. */
  clusterName: string;
  /** `https://host:port` */
  server: string;
  caPem: string;
  userName: string;
  credential: { cert: string; key: string } | { token: string };
  namespace?: string;
}

/** A kubeconfig (client.authentication v1 Config) with everything inline, as YAML. It holds a credential: mode 0600. */
export function renderKubeconfig(options: KubeconfigOptions): string {
  const { clusterName, userName, credential } = options;
  const user =
    'token' in credential
      ? { token: credential.token }
      : { 'client-certificate-data': base64(credential.cert), 'client-key-data': base64(credential.key) };
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name: clusterName, cluster: { server: options.server, 'certificate-authority-data': base64(options.caPem) } },
      ],
      users: [{ name: userName, user }],
      contexts: [
        {
          name: clusterName,
          context: {
            cluster: clusterName,
            user: userName,
            ...(options.namespace ? { namespace: options.namespace } : {}),
          },
        },
      ],
      'current-context': clusterName,
      preferences: {},
    },
    { lineWidth: 0 },
  );
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
