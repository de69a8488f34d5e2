import { definePlugin, refused } from './plugin.ts';

/** Lets everything pass. */
export const alwaysAdmit = definePlugin({
  name: 'AlwaysAdmit',
  verbs: ['create', 'update', 'delete', 'connect'],
  resources: ['*'],
  validate() {},
});

/** Lets nothing pass. */
export const alwaysDeny = definePlugin({
  name: 'AlwaysDeny',
  verbs: ['create', 'update', 'delete', 'connect'],
  resources: ['*'],
  validate(context) {
    throw refused(context, 'admission control is denying all modifications');
  },
});
