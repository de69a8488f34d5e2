import { csidrivers, secrets, volumeattachments } from '../../api/generated/resources.ts';
import type { CSIDriver, SecretReference, VolumeAttachment } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import type { Client } from '../../client/client.ts';

/** What a node reads of the API for volumes of CSI drivers. */
export interface CsiObjects {
  driver(name: string): Promise<CSIDriver | undefined>;
  /** Rejects with NotFound. */
  attachment(name: string): Promise<VolumeAttachment>;
  /** Rejects in words for an Event when it is not there. */
  secret(reference: SecretReference): Promise<Record<string, string>>;
}

/** Asks the API each time: needed seldom, and single objects are all that a node may read. */
export const csiObjects = (client: Client): CsiObjects => ({
  async driver(name) {
    try {
      return await client.get(csidrivers, { name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  },
  attachment: (name) => client.get(volumeattachments, { name }),
  async secret({ name = '', namespace = '' }) {
    const { data = {} } = await client.get(secrets, { namespace, name }).catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(
        `kubernetes.io/csi: failed to find the secret ${name} in the namespace ${namespace} with error: ${text}`,
        { cause: error },
      );
    });
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
    );
  },
});
