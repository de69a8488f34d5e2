/**
 * The X.509 library, loaded on first use: the import costs 120 ms, so nothing on the start path may reach it while the
 * files on disk are valid. `reflect-metadata` has to be there before the library's decorators run.
 */
export async function loadX509(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

export type X509Library = Awaited<ReturnType<typeof loadX509>>;
