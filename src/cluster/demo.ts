import { deployments, pods, services } from '../api/generated/resources.ts';
import type { Deployment, Service } from '../api/generated/types.ts';
import { isAlreadyExists, isNotFound } from '../api/meta/status-error.ts';
import type { Manifest } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Client } from '../client/client.ts';
import type { Logger } from '../base/log.ts';
import { outputOf, type RunCommand } from '../host/command.ts';
import { type AdminClient, eventually } from './admin-client.ts';
import { demoImage } from './images/base-images.ts';
import { findKubectl } from './kubectl.ts';
import { clusterDomain, type ClusterLayout } from './layout.ts';
import { StepFailure } from './step-failure.ts';
import type { Progress, Steps } from './steps.ts';

const name = 'demo';
const namespace = 'default';
const labels = { app: name };
const replicas = 3;
const port = 8080;
/** For a slow machine that has other work, too. */
const timeoutMs = 600_000;

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

interface DemoPlace {
  layout: ClusterLayout;
  admin: AdminClient;
  /** Folder of the checkout or package. */
  root: string;
}

/** Whether the cluster has the demo; who has removed it does not want it back. */
export async function hasDemo(client: Client): Promise<boolean> {
  return client.get(deployments, { namespace, name }).then(
    () => true,
    (error: unknown) => {
      if (isNotFound(error)) return false;
      throw error;
    },
  );
}

/** Applies the demo and waits until it answers, to the host by its address, to a pod by its name. Resolves with the address. */
export async function runDemo(deps: DemoDeps, place: DemoPlace): Promise<string> {
  try {
    return await runSteps(deps, place);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const next = `./knarr kubectl --cluster ${place.layout.name} describe pods -l app=${name} says what they wait for; ./knarr up --no-demo does without`;
    throw new StepFailure(message, { next, cause: error });
  }
}

async function runSteps(deps: DemoDeps, place: DemoPlace): Promise<string> {
  const { clock, steps } = deps;
  const { client } = place.admin;
  const address = await steps.run('demo: applied', async () => {
    await ifNew(client.create(deployments, deployment));
    await ifNew(client.create(services, service));
    return (await client.get(services, { namespace, name })).spec.clusterIP ?? '';
  });
  const ready = await steps.run(
    'demo: pods ready',
    (progress) => untilReady({ clock, client, progress }),
    (count) => String(count),
  );
  // Somebody has scaled it to nothing: nobody can answer.
  if (ready === 0) return address;
  const shown = (text: string) => text.slice(0, 40);
  await steps.run(`demo: http://${address}/ from this machine`, () => fetchFromHost(clock, address), shown);
  await steps.run(`demo: ${demoUrl} from a pod`, () => fetchFromPod(deps, place), shown);
  return address;
}

/** Waits for as many pods as the deployment now wants. */
function untilReady({
  clock,
  client,
  progress,
}: {
  clock: Clock;
  client: Client;
  progress: Progress;
}): Promise<number> {
  return eventually(clock, { what: 'the demo pods to be ready', timeoutMs }, async () => {
    const { spec, status } = await client.get(deployments, { namespace, name });
    const [wanted, ready] = [spec?.replicas ?? 1, status.readyReplicas ?? 0];
    progress(`${ready} of ${wanted}`);
    return ready >= wanted ? ready : undefined;
  });
}

function fetchFromHost(clock: Clock, address: string): Promise<string> {
  return eventually(clock, { what: `the demo to answer at http://${address}/`, timeoutMs }, async () => {
    const response = await fetch(`http://${address}/`, { signal: AbortSignal.timeout(2000) });
    return response.ok ? (await response.text()).trim() : undefined;
  });
}

const demoUrl = `http://${name}.${namespace}.svc.${clusterDomain}/`;

async function fetchFromPod({ clock, run }: DemoDeps, { layout, admin, root }: DemoPlace): Promise<string> {
  const kubectl = await findKubectl(root, { run });
  return eventually(clock, { what: `${demoUrl} from a pod`, timeoutMs }, async () => {
    const { items } = await admin.client.list(pods, { namespace, labelSelector: `app=${name}` });
    const pod = items.find((item) => item.status.phase === 'Running' && !item.metadata.deletionTimestamp);
    if (!pod) return undefined;
    const args = ['--kubeconfig', layout.kubeconfig, 'exec', '-n', namespace, pod.metadata.name, '--'];
    return (await outputOf(run, { program: kubectl, args: [...args, 'wget', '-qO-', demoUrl] })).trim();
  });
}

async function ifNew(create: Promise<unknown>): Promise<void> {
  await create.catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
}
