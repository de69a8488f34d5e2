import { secrets, serviceaccounts } from '../../api/generated/resources.ts';
import type { Secret, ServiceAccount } from '../../api/generated/types.ts';
import { accountNameKey, accountUidKey, legacyClaims, tokenSecretType } from '../../api/core/legacy-token.ts';
import { type ControllerDefinition, defineController, done, watch } from '../runtime.ts';

export interface TokenSecretsOptions {
  /** Signs claims with the cluster's key for service accounts. */
  signToken(claims: object): string;
  /** PEM of the cluster's authority. */
  rootCaPem: string;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const keyOf = ({ metadata }: Secret): string => `${metadata.namespace}/${metadata.name}`;

/** The Secret with everything in it that whoever uses its token needs; undefined when it is all there. */
export function filled(secret: Secret, account: ServiceAccount, options: TokenSecretsOptions): Secret | undefined {
  const { data = {} } = secret;
  const { uid = '', namespace = '' } = account.metadata;
  const wanted = {
    'ca.crt': base64(options.rootCaPem),
    namespace: base64(namespace),
    token: data?.token || base64(options.signToken(legacyClaims(account, secret))),
  };
  const isThere = Object.entries(wanted).every(([name, value]) => data?.[name] === value);
  if (isThere && secret.metadata.annotations?.[accountUidKey] === uid) return undefined;
  const annotations = { ...secret.metadata.annotations, [accountUidKey]: uid };
  return { ...secret, metadata: { ...secret.metadata, annotations }, data: { ...data, ...wanted } };
}

/** Whose token a Secret is for; undefined when that account is not there, or is another one of that name by now. */
function ownerOf({ metadata }: Secret, find: (key: string) => ServiceAccount | undefined): ServiceAccount | undefined {
  const account = find(`${metadata.namespace}/${metadata.annotations?.[accountNameKey]}`);
  const uid = metadata.annotations?.[accountUidKey];
  return uid && account?.metadata.uid !== uid ? undefined : account;
}

/** Puts tokens into the Secrets that ask for one, and takes those away whose service account is gone. */
export const serviceAccountTokenSecrets = (options: TokenSecretsOptions): ControllerDefinition =>
  defineController({
    name: 'serviceaccount.token-secrets',
    eventSource: 'serviceaccount-token-controller',
    setup(context) {
      const accounts = context.informer(serviceaccounts);
      const all = context.informer(secrets, { fieldSelector: `type=${tokenSecretType}` });
      all.addIndex('account', ({ metadata }) => [`${metadata.namespace}/${metadata.annotations?.[accountNameKey]}`]);
      return {
        watches: [
          watch(all, (secret) => [keyOf(secret)]),
          watch(accounts, ({ metadata }) => all.index('account', `${metadata.namespace}/${metadata.name}`).map(keyOf)),
        ],
        async reconcile(key, client) {
          const secret = all.get(key);
          if (!secret || secret.metadata.deletionTimestamp) return done;
          const account = ownerOf(secret, (name) => accounts.get(name));
          if (!account) {
            const { namespace = '', name, uid } = secret.metadata;
            await client.delete(secrets, { namespace, name }, { preconditions: { uid } });
            return done;
          }
          const wanted = filled(secret, account, options);
          if (wanted) await client.update(secrets, wanted);
          return done;
        },
      };
    },
  });
