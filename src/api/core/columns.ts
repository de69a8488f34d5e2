/** Core kinds that have little behaviour beside the columns. */
import type {
  ComponentStatus,
  PodTemplate,
  ReplicationController,
  Secret,
  ServiceAccount,
} from '../generated/types.ts';
import { age, columns, containersAt, count, field, labelsAt, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';
import { templateWarnings } from './pod-warnings.ts';

export const configMap = defineStrategy({
  cells: columns({ Name: name, Data: count('data', 'binaryData'), Age: age }),
});

export const secret = defineStrategy<Secret>({
  prepareForUpdate(secret, old) {
    secret.type ||= old.type;
  },
  cells: columns<Secret>({ Name: name, Type: field('type'), Data: count('data'), Age: age }),
});

/** Only the names of secrets are kept. */
const keepSecretNames = (account: ServiceAccount): void => {
  if (account.secrets) account.secrets = account.secrets.map(({ name }) => ({ name }));
};

export const serviceAccount = defineStrategy<ServiceAccount>({
  prepareForCreate: keepSecretNames,
  prepareForUpdate: keepSecretNames,
});

export const replicationController = defineStrategy<ReplicationController>({
  warnings: ({ spec }) => templateWarnings(spec.template),
  cells: columns<ReplicationController>({
    Name: name,
    Desired: field('spec.replicas', 0),
    Current: field('status.replicas', 0),
    Ready: field('status.readyReplicas', 0),
    Age: age,
    Containers: containersAt('spec.template.spec.containers', 'name'),
    Images: containersAt('spec.template.spec.containers', 'image'),
    Selector: labelsAt('spec.selector'),
  }),
});

export const podTemplate = defineStrategy<PodTemplate>({
  warnings: ({ template }) => templateWarnings(template, 'template.spec'),
  cells: columns<PodTemplate>({
    Name: name,
    Containers: containersAt('template.spec.containers', 'name'),
    Images: containersAt('template.spec.containers', 'image'),
    'Pod Labels': labelsAt('template.metadata.labels'),
  }),
});

const health = ({ conditions }: ComponentStatus) => conditions?.find((c) => c.type === 'Healthy');

export const componentStatus = defineStrategy<ComponentStatus>({
  deprecated: { since: '1.19' },
  cells: columns<ComponentStatus>({
    Name: name,
    Status: (component) => {
      const condition = health(component);
      if (!condition) return 'Unknown';
      return condition.status === 'True' ? 'Healthy' : 'Unhealthy';
    },
    Message: (component) => health(component)?.message ?? '',
    Error: (component) => health(component)?.error ?? '',
  }),
});
