import type { PodTemplateSpec } from '../../api/generated/types.ts';
import type { Manifest } from '../../api/resource.ts';
import { behaviourAnnotation } from '../hollow/behaviour.ts';

/** A template of one container from the options of a command. */
export function podTemplate(
  labels: Record<string, string>,
  options: Readonly<Record<string, string | undefined>>,
): Manifest<PodTemplateSpec> {
  const { image = 'app:1', behaviour, cpu, memory, grace, restart } = options;
  const requests = { ...(cpu ? { cpu } : {}), ...(memory ? { memory } : {}) };
  return {
    metadata: { labels, ...(behaviour ? { annotations: { [behaviourAnnotation]: behaviour } } : {}) },
    spec: {
      containers: [{ name: 'main', image, resources: { requests } }],
      ...(grace ? { terminationGracePeriodSeconds: Number(grace) } : {}),
      ...(restart ? { restartPolicy: restart } : {}),
    },
  } as Manifest<PodTemplateSpec>;
}
