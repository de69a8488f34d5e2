import type { Pod } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import { parseWebhookServer, type WebhookServer } from '../webhook/kubeconfig.ts';
import { postReview } from '../webhook/post-review.ts';
import { RememberedAnswers } from '../webhook/remembered-answers.ts';
import { type AdmissionContext, type AdmissionPlugin, definePlugin, refused } from './plugin.ts';

/** `imagePolicy` of its configuration; times in seconds. */
interface Config {
  kubeConfigFile?: string;
  allowTTL?: number;
  denyTTL?: number;
  defaultAllow?: boolean;
}

interface Answer {
  allowed?: boolean;
  reason?: string;
  auditAnnotations?: Record<string, string>;
}

const limits = { timeoutMs: 30_000, maxBytes: 64 * 1024 };
const maxRemembered = 1024;
const prefix = 'imagepolicywebhook.image-policy.k8s.io';
const defaultTtlSeconds = { allow: 300, deny: 30 };

/** Asks a server whether the images of a pod may be used (imagepolicy.k8s.io/v1alpha1 ImageReview). Throws an Error for a configuration that is none. */
export function imagePolicyWebhook(configuration: unknown, readFile: (path: string) => string): AdmissionPlugin {
  const { imagePolicy: config } = (configuration ?? {}) as { imagePolicy?: Config };
  if (!config?.kubeConfigFile) throw new Error('ImagePolicyWebhook: imagePolicy.kubeConfigFile: Required value');
  const server = parseWebhookServer(readFile(config.kubeConfigFile), readFile);
  const known = new RememberedAnswers<Answer>(maxRemembered);
  return definePlugin<Pod>({
    name: 'ImagePolicyWebhook',
    verbs: ['create', 'update'],
    resources: ['pods', 'pods/ephemeralcontainers'],
    async validate(context) {
      const spec = specOf(context);
      if (!spec) return;
      const answer = await asked(spec);
      if (!answer) return whenSilent(context, config);
      for (const [key, value] of Object.entries(answer.auditAnnotations ?? {}))
        context.annotate(`${prefix}/${key}`, value);
      if (answer.allowed) return;
      throw refused(
        context,
        answer.reason
          ? `image policy webhook backend denied one or more images: ${answer.reason}`
          : 'one or more images rejected by webhook backend',
      );

      async function asked(about: object): Promise<Answer | undefined> {
        const question = JSON.stringify(about);
        const { clock } = context;
        const before = known.get(question, clock.now());
        if (before) return before;
        const found = await ask(clock, server, about);
        if (!found) return undefined;
        const { allowTTL = defaultTtlSeconds.allow, denyTTL = defaultTtlSeconds.deny } = config as Config;
        known.set(question, found, clock.now() + (found.allowed ? allowTTL : denyTTL) * 1000);
        return found;
      }
    },
  });
}

function whenSilent(context: AdmissionContext, { defaultAllow = false }: Config): void {
  if (!defaultAllow) throw refused(context, 'Image policy webhook backend did not answer');
  context.annotate(`${prefix}/failed-open`, 'true');
}

/** Images that are new, with what the pod tells the policy; undefined: there are none. */
function specOf({ object, old, subresource, namespace }: AdmissionContext<Pod>): object | undefined {
  const { spec, metadata } = object as Pod;
  const isEphemeral = subresource === 'ephemeralcontainers';
  const lists = isEphemeral ? [spec.ephemeralContainers] : [spec.initContainers, spec.containers];
  const containers = lists.flatMap((list) => list ?? []).map(({ image }) => ({ image }));
  const before = (old ? [old.spec.initContainers, old.spec.containers, old.spec.ephemeralContainers] : [])
    .flatMap((list) => list ?? [])
    .map(({ image }) => image);
  if (old && containers.every(({ image }) => before.includes(image))) return undefined;
  const annotations = Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([key]) => key.includes('.image-policy.k8s.io/')),
  );
  return { containers, annotations, namespace };
}

async function ask(clock: Clock, server: WebhookServer, spec: object): Promise<Answer | undefined> {
  const body = JSON.stringify({ apiVersion: 'imagepolicy.k8s.io/v1alpha1', kind: 'ImageReview', metadata: {}, spec });
  try {
    return (JSON.parse(await postReview(server, { clock, ...limits }, body)) as { status?: Answer }).status;
  } catch {
    return undefined;
  }
}
