import { readFile } from 'node:fs/promises';
import { wholeValue, milliValue } from '../api/meta/quantity.ts';
import { durationMs } from '../base/duration.ts';
import type { EvictorOptions } from './eviction/evictor.ts';
import { checkAllowlistEntry, verificationPolicies } from './image-access/access-rule.ts';
import type { ImageAccessSettings } from './image-access/image-access.ts';
import type { ImageGarbageOptions } from './image-garbage.ts';

/** What an administrator may say of a node, by the names of a KubeletConfiguration. Durations are milliseconds. */
export interface KubeletSettings extends EvictorOptions, ImageGarbageOptions, ImageAccessSettings {
  staticPodPath?: string;
  maxPods?: number;
  /** Processes that one pod may have. */
  podPidsLimit?: number;
  systemReserved?: Record<string, string>;
  kubeReserved?: Record<string, string>;
  /** How long pods have when the machine goes down, and how much of that is for critical ones alone. */
  shutdownGracePeriod?: number;
  shutdownGracePeriodCriticalPods?: number;
}

type Read = (value: unknown) => unknown;

const text: Read = (value) => checked(value, 'string');
const number: Read = (value) => checked(value, 'number');
const duration: Read = (value) => durationMs(checked(value, 'string') as string);
const seconds: Read = number;
const mapOf =
  (read: Read): Read =>
  (value) =>
    Object.fromEntries(Object.entries(checked(value, 'object') as object).map(([key, one]) => [key, read(one)]));
const oneOf =
  (words: readonly string[]): Read =>
  (value) => {
    if (words.includes(value as string)) return value;
    throw new Error(`${JSON.stringify(value)} is none of ${words.join(', ')}`);
  };
const images: Read = (value) => {
  if (!Array.isArray(value)) throw new Error(`${JSON.stringify(value)} is no list`);
  for (const one of value) checkAllowlistEntry(checked(one, 'string') as string);
  return value;
};

function checked(value: unknown, type: 'string' | 'number' | 'object'): unknown {
  if (typeof value === type && value !== null) return value;
  throw new Error(`${JSON.stringify(value)} is no ${type}`);
}

const known: Record<keyof KubeletSettings, Read> = {
  evictionHard: mapOf(text),
  evictionSoft: mapOf(text),
  evictionSoftGracePeriod: mapOf(duration),
  evictionMinimumReclaim: mapOf(text),
  evictionPressureTransitionPeriod: duration,
  evictionMaxPodGracePeriod: seconds,
  imageGCHighThresholdPercent: number,
  imageGCLowThresholdPercent: number,
  imageMinimumGCAge: duration,
  imageMaximumGCAge: duration,
  imagePullCredentialsVerificationPolicy: oneOf(verificationPolicies),
  preloadedImagesVerificationAllowlist: images,
  staticPodPath: text,
  maxPods: number,
  podPidsLimit: number,
  systemReserved: mapOf(text),
  kubeReserved: mapOf(text),
  shutdownGracePeriod: duration,
  shutdownGracePeriodCriticalPods: duration,
};

/** A KubeletConfiguration as it is written. `ignored`: what means nothing here. Throws in words that name the field. */
export function settingsOf(document: Record<string, unknown>): { settings: KubeletSettings; ignored: string[] } {
  const { kind, apiVersion, ...fields } = document;
  if (kind !== 'KubeletConfiguration' || apiVersion !== 'kubelet.config.k8s.io/v1beta1')
    throw new Error('it must be a KubeletConfiguration of kubelet.config.k8s.io/v1beta1');
  const settings: Record<string, unknown> = {};
  const ignored: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    const read = known[name as keyof KubeletSettings];
    if (!read) {
      ignored.push(name);
      continue;
    }
    try {
      if (value !== null) settings[name] = read(value);
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
  checkTogether(settings);
  return { settings, ignored };
}

/** Fields that are right alone and wrong together. */
function checkTogether(settings: KubeletSettings): void {
  const { imagePullCredentialsVerificationPolicy: policy, preloadedImagesVerificationAllowlist: list = [] } = settings;
  if (list.length > 0 && policy !== 'NeverVerifyAllowlistedImages')
    throw new Error(
      'can\'t set `preloadedImagesVerificationAllowlist` if `imagePullCredentialsVerificationPolicy` is not "NeverVerifyAllowlistedImages"',
    );
}

/** Reads a file; one that is not there says nothing. Rejects with the file's name and what is wrong in it. */
export async function readSettings(file: string): Promise<{ settings: KubeletSettings; ignored: string[] }> {
  const found = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return { settings: {}, ignored: [] };
  try {
    const { parse } = await import('yaml');
    return settingsOf(parse(found));
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** What is kept back from pods, of both kinds together. */
export function reservedOf({ systemReserved = {}, kubeReserved = {} }: KubeletSettings) {
  const sum = (name: string, read: (quantity: string) => number) =>
    [systemReserved[name], kubeReserved[name]].reduce((total, one) => total + (one ? read(one) : 0), 0);
  return { cpuMillis: sum('cpu', milliValue), memoryBytes: sum('memory', wholeValue) };
}
