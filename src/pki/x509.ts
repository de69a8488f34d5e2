import { webcrypto } from 'node:crypto';

/**
 * The X.509 library, loaded on first use: the import costs 120 ms, so nothing on the start path may reach it while the
 * files on disk are valid. `reflect-metadata` has to be there before the library's decorators run.
 */
export async function loadX509(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata');
  const library = await import('@peculiar/x509');
  // It would look for a global, which test runners do not always give.
  library.cryptoProvider.set('default', webcrypto);
  return library;
}

export type X509Library = Awaited<ReturnType<typeof loadX509>>;
