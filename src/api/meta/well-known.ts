/** On the bookmark that ends the initial events of a watch (KEP-3157). */
export const initialEventsEndAnnotation = 'k8s.io/initial-events-end';
