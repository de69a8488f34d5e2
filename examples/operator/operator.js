import { AppsV1Api, CustomObjectsApi, makeInformer, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';

const group = 'example.com';
const version = 'v1';
const plural = 'websites';

/** Keeps a Deployment for every Website, and the Website's status. Level-driven: each change looks at the whole. */
export async function startOperator(kubeconfig) {
  const apps = kubeconfig.makeApiClient(AppsV1Api);
  const custom = kubeconfig.makeApiClient(CustomObjectsApi);

  const websites = makeInformer(kubeconfig, `/apis/${group}/${version}/${plural}`, () =>
    custom.listClusterCustomObject({ group, version, plural }),
  );
  const deployments = makeInformer(kubeconfig, '/apis/apps/v1/deployments', () =>
    apps.listDeploymentForAllNamespaces(),
  );

  const reconcile = async (name, namespace) => {
    const website = websites.get(name, namespace);
    if (!website) return; // Its Deployment goes with it: it is the owner.
    const deployment = await apps.patchNamespacedDeployment(
      { name, namespace, body: deploymentFor(website), fieldManager: 'website-operator', force: true },
      setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply),
    );
    const ready = deployment.status?.readyReplicas ?? 0;
    if (website.status?.ready === ready) return;
    await custom.patchNamespacedCustomObjectStatus(
      { group, version, plural, name, namespace, body: { status: { ready } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
  };

  // One reconcile at a time for each Website; a change meanwhile is looked at afterwards.
  const running = new Map();
  const queue = ({ metadata: { name, namespace } }) => {
    const key = `${namespace}/${name}`;
    const next = (running.get(key) ?? Promise.resolve())
      .then(() => reconcile(name, namespace))
      .catch((error) => {
        // It was deleted, or changed by somebody else: what follows from that comes by itself.
        if (error.code !== 404 && error.code !== 409) console.error(error);
      });
    running.set(key, next);
  };
  for (const event of ['add', 'update']) websites.on(event, queue);
  for (const event of ['add', 'update', 'delete']) deployments.on(event, queue);
  // A watch that breaks is opened again, unless we are leaving.
  let isStopped = false;
  for (const informer of [websites, deployments]) {
    informer.on('error', () => setTimeout(() => isStopped || informer.start(), 200));
  }
  await Promise.all([websites.start(), deployments.start()]);

  return async () => {
    isStopped = true;
    await Promise.all([websites.stop(), deployments.stop(), ...running.values()]);
  };
}

function deploymentFor({ metadata: { name, namespace, uid }, spec: { image, replicas } }) {
  const labels = { website: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      namespace,
      ownerReferences: [{ apiVersion: `${group}/${version}`, kind: 'Website', name, uid, controller: true }],
    },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image }] } },
    },
  };
}
