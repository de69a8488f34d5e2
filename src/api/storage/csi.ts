import { createHash } from 'node:crypto';

/** Names that a cluster and its nodes must agree on for volumes of CSI drivers. */

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Of the VolumeAttachment of a volume on a node: the same for everybody who ever made one. */
export const attachmentName = (handle: string, driver: string, nodeName: string): string =>
  `csi-${sha256(`${handle}${driver}${nodeName}`)}`;

/** The name under which a node tells of a volume in `volumesInUse` and `volumesAttached`. */
export const volumeNameOnNode = (driver: string, handle: string): string => `kubernetes.io/csi/${driver}^${handle}`;

/** The handle of a volume that a pod's spec has inline: nobody else gives it one. */
export const inlineHandle = (podUid: string, volumeName: string): string => `csi-${sha256(`${podUid}${volumeName}`)}`;

/** The folder of a staged volume: handles may hold what file names must not. */
export const stagingName = (handle: string): string => sha256(handle);
