import type { Surroundings } from './surroundings.ts';

/** Tells systemd that a service is ready, and what it is doing; nothing where systemd has not started it (sd_notify(3)). */
export async function notifyReady({ env, run, log }: Surroundings, status: string): Promise<void> {
  if (!env.NOTIFY_SOCKET) return;
  // Node has no datagram sockets of the local kind.
  const { exitCode, stderr } = await run({ program: 'systemd-notify', args: ['--ready', `--status=${status}`] });
  if (exitCode !== 0) log.warn({ error: stderr }, 'systemd was not told that the service is ready');
}
