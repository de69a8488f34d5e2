import { templateWarnings } from '../core/pod-warnings.ts';
import type { CronJob } from '../generated/types.ts';
import { age, ageOf, booleanText, columns, containersAt, count, field, name, selectorAt } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

const containers = 'spec.jobTemplate.spec.template.spec.containers';

export const cronJob = defineStrategy<CronJob>({
  warnings: ({ spec }) => templateWarnings(spec.jobTemplate?.spec?.template, 'spec.jobTemplate.spec.template.spec'),
  cells: columns<CronJob>({
    Name: name,
    Schedule: field('spec.schedule'),
    Timezone: field('spec.timeZone', '<none>'),
    Suspend: booleanText('spec.suspend'),
    Active: count('status.active'),
    'Last Schedule': ageOf('status.lastScheduleTime', '<none>'),
    Age: age,
    Containers: containersAt(containers, 'name'),
    Images: containersAt(containers, 'image'),
    Selector: selectorAt('spec.jobTemplate.spec.selector'),
  }),
});
