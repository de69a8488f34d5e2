import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { layoutOf } from '../cluster/layout.ts';
import { startLogRotation } from '../cluster/log-rotation.ts';
import type { ConfigurationFlags } from '../cluster/server/configured-options.ts';
import type { EtcdJournalOptions } from '../store/etcd/etcd-journal.ts';
import { notifyReady } from './notify.ts';
import { documented, servingOf, type ServingFlags, withCluster, withServing } from './options.ts';
import { CommandFailure, existingCluster, type Surroundings } from './surroundings.ts';

/** `knarr server`: the control plane, in the foreground. `up` runs it under supervision. */
export function serverCommand(at: Surroundings): Command {
  const command = new Command('server')
    .description('run the control plane of a cluster in the foreground (up does it for you)')
    .option('--advertise <ip>', 'address of this machine by which others reach the server')
    .option('--registry', 'let this machine push to the registry at 127.0.0.1')
    .option('--etcd <urls>', 'keep the state in etcd, shared with other servers: its members, with commas between')
    .option('--etcd-ca <file>', 'CA of the members (PEM)')
    .option('--etcd-cert <file>', 'certificate for the members (PEM)')
    .option('--etcd-key <file>', 'key of that certificate (PEM)')
    .option('--etcd-prefix <prefix>', 'what the keys of this cluster begin with', '/knarr')
    .option('--admission-control-config-file <file>', 'what admission plugins are told (AdmissionConfiguration)')
    .option('--enable-admission-plugins <names>', 'admission plugins besides those that are on, with commas between')
    .option('--disable-admission-plugins <names>', 'admission plugins that are not to run, with commas between')
    .option('--token-auth-file <file>', 'tokens of people: token,user,uid,"groups" a line')
    .option(
      '--authentication-config <file>',
      'which issuers are believed, and where nobody has to be (AuthenticationConfiguration)',
    )
    .option(
      '--authorization-config <file>',
      'who is asked whether a request may be, in which order (AuthorizationConfiguration)',
    )
    .option('--authentication-token-webhook-config-file <file>', 'a server that is asked about tokens (kubeconfig)')
    .option('--no-anonymous-auth', 'refuse requests without a credential')
    .option('--oidc-issuer-url <url>', 'an OpenID Connect issuer whose tokens are believed')
    .option('--oidc-client-id <id>', 'whom its tokens must be for')
    .option('--oidc-ca-file <file>', 'CA of the issuer (PEM)')
    .option('--oidc-username-claim <claim>', 'the claim that is the user name; sub unless told')
    .option('--oidc-username-prefix <prefix>', 'what is put before it; - for nothing')
    .option('--oidc-groups-claim <claim>', 'the claim with the groups')
    .option('--oidc-groups-prefix <prefix>', 'what is put before each')
    .option('--oidc-required-claim <key=value...>', 'claims that tokens must have')
    .option('--encryption-provider-config <file>', 'how objects are sealed on the disk (EncryptionConfiguration)')
    .option('--audit-policy-file <file>', 'which requests are audited and how (audit.k8s.io/v1 Policy)')
    .option('--audit-log-path <file>', "where audit events go; without it, audit.log among the cluster's logs")
    .option('--audit-log-maxsize <megabytes>', 'size at which the audit log is put aside', Number)
    .option('--audit-log-maxbackup <count>', 'how many of those are kept', Number)
    .option('--audit-log-maxage <days>', 'for how long they are kept', Number)
    .option('--audit-webhook-config-file <file>', 'a server that gets audit events, too (kubeconfig)')
    .option(
      '--scheduler-config <file>',
      'how pods are scheduled: profiles, plugins, weights, extenders (KubeSchedulerConfiguration)',
    )
    .action((flags: ServerFlags) => runServer(at, flags));
  return documented(withCluster(withServing(command)), {
    examples: ['./knarr server --cluster two', './knarr server --etcd https://10.0.0.5:2379 --etcd-ca etcd-ca.crt'],
    exits: ['noCluster', 'newer'],
  });
}

interface ServerFlags extends ConfigurationFlags, ServingFlags {
  cluster: string;
  advertise?: string;
  registry?: boolean;
  etcd?: string;
  etcdCa?: string;
  etcdCert?: string;
  etcdKey?: string;
  etcdPrefix: string;
}

async function etcdOptions(flags: ServerFlags): Promise<EtcdJournalOptions | undefined> {
  if (!flags.etcd) return undefined;
  const pem = async (file: string | undefined) => file && readFile(file, 'utf8');
  const [ca, cert, key] = await Promise.all([pem(flags.etcdCa), pem(flags.etcdCert), pem(flags.etcdKey)]);
  return { endpoints: flags.etcd.split(','), tls: ca ? { ca, cert, key } : undefined, prefix: flags.etcdPrefix };
}

async function runServer(at: Surroundings, flags: ServerFlags): Promise<void> {
  const { cluster } = flags;
  const layout = layoutOf({ ...(await existingCluster(at, cluster)), advertise: flags.advertise });
  const { startServer } = await import('../cluster/server/server-process.ts');
  const log = at.log.child({ cluster });
  const onFatal = (error: unknown) => {
    log.error({ err: error }, 'the journal failed: nothing more may be acknowledged');
    at.exit(70);
  };
  const deps = { clock: at.clock, rng: at.rng, log, onFatal };
  const server = await startServer(deps, layout, {
    registry: flags.registry,
    etcd: await etcdOptions(flags),
    flags,
    serving: servingOf(flags),
  }).catch((error: unknown) => {
    log.error({ err: error }, 'the server could not start');
    throw new CommandFailure(error instanceof Error ? error.message : String(error), { cause: error });
  });
  startLogRotation({ clock: at.clock, log }, at.env.KNARR_LOG_FILE ? [at.env.KNARR_LOG_FILE] : []);
  log.info({ port: server.port, version: at.version }, 'serving');
  await notifyReady(at, `serving on port ${server.port}`);
  await new Promise<void>((resolve) => at.onStopSignal(resolve));
  await server.stop();
  at.exit(0);
}
