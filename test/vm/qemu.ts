import type { DebianDisk } from './debian-disk.ts';

export interface QemuOptions {
  debian: Pick<DebianDisk, 'kernel' | 'initrd'>;
  /** qcow2 overlay of the Debian disk. */
  rootDisk: string;
  checkoutDisk: string;
  consoleLog: string;
  memoryMiB: number;
  /** More arguments: another link, say. */
  extra: readonly string[];
}

/**
 * A PC in software (`tcg`: there is no usable KVM everywhere), two processors, a network that leads nowhere. `cache=none`: what
 * the guest has flushed is in the image, what it has not is in the guest's memory and gone with it.
 */
export function qemuArgs(options: QemuOptions): string[] {
  const disk = (file: string, format: string, id: string) => [
    '-drive',
    `file=${file},format=${format},if=none,id=${id},cache=none,discard=unmap`,
    '-device',
    `virtio-blk-pci,drive=${id}`,
  ];
  return [
    ...['-accel', 'tcg,thread=multi', '-machine', 'q35', '-cpu', 'max', '-smp', '2', '-m', String(options.memoryMiB)],
    ...['-display', 'none', '-nodefaults', '-no-user-config'],
    ...['-kernel', options.debian.kernel, '-initrd', options.debian.initrd],
    ...['-append', 'root=LABEL=debian ro console=ttyS0'],
    ...['-serial', `file:${options.consoleLog}`],
    ...disk(options.rootDisk, 'qcow2', 'root'),
    ...disk(options.checkoutDisk, 'qcow2', 'checkout'),
    ...['-device', 'virtio-rng-pci'],
    ...['-netdev', 'user,id=world,restrict=on', '-device', 'virtio-net-pci,netdev=world,addr=0x5'],
    // The commands' port is this process's standard input and output.
    ...['-device', 'virtio-serial-pci', '-chardev', 'stdio,id=commands,signal=off'],
    ...['-device', 'virtserialport,chardev=commands,name=vm.commands'],
    ...options.extra,
  ];
}
