import { ingressclasses } from '../../api/generated/resources.ts';
import type { Ingress } from '../../api/generated/types.ts';
import { newestDefault } from './default-class.ts';
import { definePlugin } from './plugin.ts';

/** An ingress that names no class, in the field or the older annotation, gets the default one. */
export const defaultIngressClass = definePlugin<Ingress>({
  name: 'DefaultIngressClass',
  verbs: ['create'],
  resources: ['ingresses.networking.k8s.io'],
  admit({ object, read }) {
    const ingress = object as Ingress;
    if (ingress.spec?.ingressClassName || ingress.metadata.annotations?.['kubernetes.io/ingress.class']) return;
    const chosen = newestDefault(read.list(ingressclasses), ['ingressclass.kubernetes.io/is-default-class']);
    if (chosen) ingress.spec = { ...ingress.spec, ingressClassName: chosen.metadata.name };
  },
});
