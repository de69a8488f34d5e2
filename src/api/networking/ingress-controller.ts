/** What an IngressClass names to be served by knarr itself. */
export const ingressControllerName = 'knarr.dev/ingress';
