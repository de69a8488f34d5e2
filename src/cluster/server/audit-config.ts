import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LogSink } from '../../apiserver/audit/log-sink.ts';
import { type AuditPolicy, parseAuditPolicy } from '../../apiserver/audit/policy.ts';
import type { AuditSink } from '../../apiserver/audit/sink.ts';
import { WebhookSink } from '../../apiserver/audit/webhook-sink.ts';
import { parseWebhookServer } from '../../apiserver/webhook/kubeconfig.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { ClusterLayout } from '../layout.ts';
import { fromServerFile, type ServerFileFlags } from './server-files.ts';

/** kube-apiserver's flags of the same names. */
export interface AuditFlags extends ServerFileFlags {
  auditLogPath?: string;
  auditLogMaxsize?: number;
  auditLogMaxbackup?: number;
  auditLogMaxage?: number;
}

/** How a server audits; undefined without a policy. The log is `audit.log` in the cluster's log folder unless told. */
export async function auditConfig(
  deps: { clock: Clock; log: Logger },
  layout: ClusterLayout,
  flags: AuditFlags,
): Promise<{ policy: AuditPolicy; sinks: AuditSink[] } | undefined> {
  const policy = await fromServerFile({ layout, flags, file: 'auditPolicyFile' }, parseAuditPolicy);
  if (!policy) return undefined;
  const webhook = await fromServerFile({ layout, flags, file: 'auditWebhookConfigFile' }, (text) =>
    parseWebhookServer(text, (path) => readFileSync(path, 'utf8')),
  );
  const log = new LogSink(deps, {
    path: flags.auditLogPath ?? join(layout.logDir, 'audit.log'),
    ...(flags.auditLogMaxsize === undefined ? {} : { maxSizeMb: flags.auditLogMaxsize }),
    maxBackups: flags.auditLogMaxbackup ?? 10,
    maxAgeDays: flags.auditLogMaxage ?? 0,
  });
  return { policy, sinks: webhook ? [log, new WebhookSink(deps, webhook)] : [log] };
}
