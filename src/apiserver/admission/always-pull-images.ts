import type { Pod } from '../../api/generated/types.ts';
import { notSupported } from '../../api/meta/field-error.ts';
import { eachContainer } from '../../api/validation/each-container.ts';
import { type AdmissionContext, definePlugin, refused } from './plugin.ts';

/** Images are pulled for every pod: who has no credentials for one cannot use it because it happens to be on the node. */
export const alwaysPullImages = definePlugin<Pod>({
  name: 'AlwaysPullImages',
  verbs: ['create', 'update'],
  resources: ['pods', 'pods/ephemeralcontainers'],
  admit(context) {
    const pod = context.object as Pod;
    if (hasNoNewImage(context)) return;
    eachContainer(pod.spec, 'spec', (container) => {
      container.imagePullPolicy = 'Always';
    });
    for (const { image } of pod.spec.volumes ?? []) if (image) image.pullPolicy = 'Always';
  },
  validate(context) {
    const pod = context.object as Pod;
    if (hasNoNewImage(context)) return;
    const check = (policy: string | undefined, path: string) => {
      if (policy === 'Always') return;
      const { field, message } = notSupported(path, policy ?? '', ['Always']);
      throw refused(context, `${field}: ${message}`);
    };
    eachContainer(pod.spec, 'spec', ({ imagePullPolicy }, path) => check(imagePullPolicy, `${path}.imagePullPolicy`));
    for (const [i, { image }] of (pod.spec.volumes ?? []).entries())
      if (image) check(image.pullPolicy, `spec.volumes[${i}].image.pullPolicy`);
  },
});

/** Changes of other things are not held up by pods that were there before. */
function hasNoNewImage({ verb, object, old }: AdmissionContext<Pod>): boolean {
  if (verb !== 'update' || !object || !old) return false;
  const known = imagesOf(old);
  return [...imagesOf(object)].every((image) => known.has(image));
}

function imagesOf({ spec }: Readonly<Pod>): Set<string> {
  const images = new Set<string>();
  eachContainer(spec, '', ({ image }) => images.add(image ?? ''));
  return images;
}
