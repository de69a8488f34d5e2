import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSettings, reservedOf } from './settings.ts';

describe("a node's settings", () => {
  let dir = '';
  afterAll(() => rm(dir, { recursive: true, force: true }));
  const read = async (text: string) => {
    dir ||= await mkdtemp(join(tmpdir(), 'settings-'));
    await writeFile(join(dir, 'kubelet.yaml'), text);
    return readSettings(join(dir, 'kubelet.yaml'));
  };
  const head = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n';

  it('are a KubeletConfiguration; what means nothing here is named', async () => {
    const { settings, ignored } = await read(`${head}maxPods: 50
evictionHard: {memory.available: 200Mi}
evictionSoftGracePeriod: {memory.available: 1m30s}
imageMinimumGCAge: 5m
systemReserved: {cpu: 100m, memory: 1Gi}
kubeReserved: {cpu: "1"}
cgroupDriver: systemd
`);
    expect(settings).toMatchObject({
      ...{ maxPods: 50, evictionHard: { 'memory.available': '200Mi' } },
      ...{ evictionSoftGracePeriod: { 'memory.available': 90_000 }, imageMinimumGCAge: 300_000 },
    });
    expect(ignored).toEqual(['cgroupDriver']);
    expect(reservedOf(settings)).toEqual({ cpuMillis: 1100, memoryBytes: 2 ** 30 });
  });

  it('that are wrong are refused by file and field', async () => {
    await expect(read(`${head}maxPods: many\n`)).rejects.toThrow(/kubelet\.yaml: maxPods: "many" is no number/);
    await expect(read('kind: Pod\n')).rejects.toThrow('KubeletConfiguration');
  });

  it('name images whose credentials are not verified', async () => {
    const policy = 'imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages\n';
    const list = (entry: string) => `preloadedImagesVerificationAllowlist: ["${entry}"]\n`;
    const { settings } = await read(`${head}${policy}${list('registry.io/team/*')}`);
    expect(settings).toMatchObject({ preloadedImagesVerificationAllowlist: ['registry.io/team/*'] });
    for (const [text, words] of [
      [`${policy}${list('registry.io/*/app')}`, "only patterns ending with '/*' are allowed: registry.io/*/app"],
      [`${policy}${list('registry.io/app:1')}`, 'neither tag nor digest is accepted in an image reference'],
      [`${policy}${list(' registry.io/app')}`, 'leading/trailing spaces are not allowed'],
      [`${policy}${list('/*')}`, 'at least registry hostname is required'],
      [list('registry.io/app'), 'is not "NeverVerifyAllowlistedImages"'],
      ['imagePullCredentialsVerificationPolicy: Sometimes\n', '"Sometimes" is none of NeverVerify, '],
    ] as const) {
      await expect(read(`${head}${text}`)).rejects.toThrow(words);
    }
  });

  it('need not be there', async () => {
    expect(await readSettings('/does-not-exist/kubelet.yaml')).toEqual({ settings: {}, ignored: [] });
  });
});
