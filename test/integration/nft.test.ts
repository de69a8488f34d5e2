import { nftContract } from '../../src/nft/nft.contract.ts';
import { execNft } from '../../src/nft/exec.ts';
import { outputOf, runCommand, runInNetworkNamespace } from '../../src/host/command.ts';

const netns = `kn-test-nft-${process.pid}`;

// Needs root. Everything happens in a network namespace that is gone afterwards.
nftContract('kernel', async () => {
  await outputOf(runCommand, { program: 'ip', args: ['netns', 'add', netns] });
  const run = runInNetworkNamespace(runCommand, `/run/netns/${netns}`);
  return {
    nft: execNft({ run }, { table: 'knarr-test' }),
    close: async () => void (await outputOf(runCommand, { program: 'ip', args: ['netns', 'del', netns] })),
  };
});
