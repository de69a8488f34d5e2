import { deployments, pods, services } from '../api/generated/resources.ts';
import type { Deployment, Service } from '../api/generated/types.ts';
import { isAlreadyExists } from '../api/meta/status-error.ts';
import type { Manifest } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { outputOf, type RunCommand } from '../host/command.ts';
import { type AdminClient, eventually } from './admin-client.ts';
import { demoImage } from './images/base-images.ts';
import { findKubectl } from './kubectl.ts';
import { clusterDomain, type ClusterLayout } from './layout.ts';
import type { Steps } from './steps.ts';

const name = 'demo';
const namespace = 'default';
const labels = { app: name };
const replicas = 3;
const port = 8080;
const timeoutMs = 120_000;

const deployment: Manifest<Deployment> = {
  metadata: { name, namespace, labels },
  spec: {
    replicas,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        terminationGracePeriodSeconds: 5,
        containers: [
          {
            name: 'web',
            image: demoImage,
            ports: [{ name: 'http', containerPort: port }],
            readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 5 },
            resources: { requests: { cpu: '10m', memory: '8Mi' } },
          },
        ],
      },
    },
  },
};

const service: Manifest<Service> = {
  metadata: { name, namespace, labels },
  spec: { selector: labels, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
};

interface DemoDeps {
  clock: Clock;
  log: Logger;
  run: RunCommand;
  steps: Steps;
}

/** Applies the demo and waits until it answers: to the host by its address, to a pod by its name. */
export async function runDemo(
  deps: DemoDeps,
  { layout, admin, root }: { layout: ClusterLayout; admin: AdminClient; root: string },
): Promise<void> {
  const { clock, run, steps } = deps;
  const { client } = admin;
  const address = await steps.run('demo: applied', async () => {
    await ifNew(client.create(deployments, deployment));
    await ifNew(client.create(services, service));
    return (await client.get(services, { namespace, name })).spec.clusterIP ?? '';
  });
  await steps.run(`demo: ${replicas} pods ready`, () =>
    eventually(clock, { what: 'the demo pods to be ready', timeoutMs }, async () => {
      const { status } = await client.get(deployments, { namespace, name });
      return (status.readyReplicas ?? 0) >= replicas || undefined;
    }),
  );
  const fetchAddress = () =>
    eventually(clock, { what: `the demo to answer at http://${address}/`, timeoutMs }, async () => {
      const response = await fetch(`http://${address}/`, { signal: AbortSignal.timeout(2000) });
      return response.ok ? (await response.text()).trim() : undefined;
    });
  await steps.run(`demo: http://${address}/ from this machine`, fetchAddress, (text) => text.slice(0, 40));
  const kubectl = await findKubectl(root, { run });
  const url = `http://${name}.${namespace}.svc.${clusterDomain}/`;
  const fromPod = () =>
    eventually(clock, { what: `${url} from a pod`, timeoutMs }, async () => {
      const { items } = await client.list(pods, { namespace, labelSelector: `app=${name}` });
      const pod = items.find((item) => item.status.phase === 'Running' && !item.metadata.deletionTimestamp);
      if (!pod) return undefined;
      const args = ['--kubeconfig', layout.kubeconfig, 'exec', '-n', namespace, pod.metadata.name, '--'];
      return (await outputOf(run, { program: kubectl, args: [...args, 'wget', '-qO-', url] })).trim();
    });
  await steps.run(`demo: ${url} from a pod`, fromPod, (text) => text.slice(0, 40));
}

async function ifNew(create: Promise<unknown>): Promise<void> {
  await create.catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
}
