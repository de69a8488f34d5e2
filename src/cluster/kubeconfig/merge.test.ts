import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type ContextEntry, currentContext, mergeContext, NotAKubeconfigError, withoutContext } from './merge.ts';

const entry: ContextEntry = {
  name: 'knarr',
  server: 'https://127.0.0.1:6443',
  caData: 'Q0E=',
  certificateData: 'Q0VSVA==',
  keyData: 'S0VZ',
};

/** As kubectl writes it, with what people add. */
const other = `apiVersion: v1
# the work cluster
clusters:
- cluster:
    certificate-authority-data: ${'QUJD'.repeat(60)}
    server: https://work.example:6443
  name: work
contexts:
- context:
    cluster: work
    namespace: team # mine
    user: me
  name: work
current-context: work
kind: Config
preferences: {}
users:
- name: me
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: get-token
      args: ["--for", work]
`;

describe('mergeContext', () => {
  it('makes a kubeconfig from nothing', () => {
    const config = parse(mergeContext('', entry));
    expect(config).toEqual({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'knarr', cluster: { server: entry.server, 'certificate-authority-data': entry.caData } }],
      contexts: [{ name: 'knarr', context: { cluster: 'knarr', user: 'knarr' } }],
      users: [
        { name: 'knarr', user: { 'client-certificate-data': entry.certificateData, 'client-key-data': entry.keyData } },
      ],
      'current-context': 'knarr',
    });
  });

  it('adds lines to a file of others and takes exactly these out again', () => {
    const merged = mergeContext(other, entry);
    const lines = merged.split('\n');
    for (const line of other.split('\n')) if (!line.startsWith('current-context')) expect(lines).toContain(line);
    expect(parse(merged)['current-context']).toBe('knarr');
    expect(withoutContext(merged, 'knarr')).toBe(other.replace('current-context: work', 'current-context: ""'));
    expect(withoutContext(merged, 'knarr', 'work')).toBe(other);
    expect(withoutContext(merged, 'knarr', 'gone')).toBe(withoutContext(merged, 'knarr'));
    const elsewhere = merged.replace('current-context: knarr', 'current-context: work');
    expect(withoutContext(elsewhere, 'knarr', 'gone')).toBe(other);
    expect(currentContext(other)).toBe('work');
  });

  it('changes nothing the second time, and only what is ours when a certificate was renewed', () => {
    const merged = mergeContext(other, entry);
    expect(mergeContext(merged, entry)).toBe(merged);
    const mine = merged
      .replace('current-context: knarr', 'current-context: work')
      .replace('    cluster: knarr\n', '    cluster: knarr\n    namespace: kube-system\n');
    const renewed = mergeContext(mine, { ...entry, certificateData: 'TkVX' });
    expect(renewed).toBe(mine.replace('Q0VSVA==', 'TkVX'));
  });

  it('understands files whose lists are null, flow or JSON, and lists that are indented', () => {
    const empty = 'apiVersion: v1\nclusters: null\ncontexts: []\ncurrent-context: ""\nkind: Config\nusers: null\n';
    expect(parse(mergeContext(empty, entry)).contexts).toHaveLength(1);
    const json = JSON.stringify(parse(other));
    const merged = parse(mergeContext(json, entry));
    expect(merged.clusters.map(({ name }: { name: string }) => name)).toEqual(['work', 'knarr']);
    const indented = 'clusters:\n  - cluster:\n      server: https://a\n    name: a\n';
    expect(mergeContext(indented, entry)).toContain(indented);
  });

  it('leaves alone what is no kubeconfig', () => {
    for (const text of ['- a\n', 'clusters: {}\n', 'a: [', '"text"'])
      expect(() => mergeContext(text, entry), text).toThrow(NotAKubeconfigError);
  });
});

describe('withoutContext', () => {
  it('gives nothing when nobody else has anything in the file', () => {
    expect(withoutContext(mergeContext('', entry), 'knarr')).toBeUndefined();
  });

  it('gives the same text when the context is not there', () => {
    expect(withoutContext(other, 'knarr')).toBe(other);
  });
});
