import { expect, it } from 'vitest';
import { podgroups, pods } from '../../../src/api/generated/resources.ts';
import { Plane, template } from './plane.ts';

it('a group of pods that is deleted waits for the last of them that has not ended', async () => {
  const plane = await Plane.start({ only: ['podgroup.protection', 'serviceaccount.default'] });
  const key = (name: string) => ({ namespace: 'default', name });
  const groups = () => plane.names(podgroups);
  for (const name of ['used', 'unused'])
    await plane.admin.create(podgroups, {
      metadata: key(name),
      spec: { schedulingPolicy: { gang: { minCount: 1 } } },
    } as never);
  for (const name of ['a', 'b'])
    await plane.admin.create(pods, {
      metadata: key(name),
      spec: { ...template('x').spec, schedulingGroup: { podGroupName: 'used' } },
    } as never);
  await plane.settle();
  expect(await plane.writesOfRestart([podgroups, pods])).toEqual([]);
  for (const name of ['used', 'unused']) await plane.admin.delete(podgroups, key(name));
  await plane.settle();
  expect(await groups()).toEqual(['used']);
  await plane.setPodStatus(await plane.get(pods, 'a'), { phase: 'Succeeded' });
  await plane.settle();
  expect(await groups()).toEqual(['used']);
  await plane.admin.delete(pods, key('b'), { gracePeriodSeconds: 0 });
  await plane.settle();
  expect(await groups()).toEqual([]);
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});
